"""A skill that is written in and published from a notebook cell, called over all interfaces and seen in the studio."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from puras import Client

import mcp
from benchmarks.instance import Running, instance
from tests.journeys.journey_log import Log, check
from tests.journeys.one_skill import studio
from tests.journeys.one_skill.kernel import Kernel, new_kernel

BIN = Path(sys.executable).parent
CELL = '''%%skill tally --no-form
from typing import Annotated, TypedDict
from puras import log

class Tally(TypedDict):
    words: int
    longest: str

@puras.skill(network="none", examples=[{"inputs": {"text": "the owl sees"}}])
def tally(text: Annotated[str, "What is counted."]) -> Tally:
    """Counts the words of a text, and names the longest."""
    words = text.split()
    log.info(f"counted {len(words)} words")
    return {"words": len(words), "longest": max(words, key=len)}
'''
TEXT = "an owl listens in the dark"
RESULT = {"words": 6, "longest": "listens"}


@dataclass(frozen=True, slots=True)
class Journey:
    """The instance, the project that calls it, and the submitted jobs."""

    running: Running
    key: str
    """The API key of the project."""
    folder: Path
    log: Log
    jobs: dict[str, str] = field(default_factory=dict)
    """The job IDs by caller."""

    @property
    def url(self) -> str:
        """Return the URL of the instance."""
        return f"http://127.0.0.1:{self.running.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a user with an API key on a new host."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PURAS_")}
        return inherited | {
            "HOME": str(self.folder),
            "PURAS_API_BASE": self.url,
            "PURAS_API_KEY": self.key,
        }

    def add_job(self, caller: str, job: Any) -> None:
        """Check the result of a job, store its ID and log it."""
        check(f"the result {caller}", job["result"] == RESULT, found=job)
        self.jobs[caller] = job["id"]
        self.log(f"{caller}: job {job['id']} {job['status']}, {json.dumps(job['result'])}")


def run_skill(log: Log) -> None:
    """Run all steps, and log each one.

    Raises:
        JourneyFailed: a check failed.
    """
    with (
        tempfile.TemporaryDirectory(prefix="one-skill-", ignore_cleanup_errors=True) as folder,
        instance(PURAS_COMPUTE_MICROS_PER_SECOND="100") as running,
    ):
        log(f"instance ready after {running.ready_after_s:.0f} s")
        studio.make_operator(running)
        journey = Journey(running, running.add_project(), Path(folder), log)
        _in_a_notebook(journey)
        _from_python(journey)
        _from_the_terminal(journey)
        asyncio.run(_over_mcp(journey))
        _in_the_studio(journey)


def _in_a_notebook(journey: Journey) -> None:
    with new_kernel(journey.folder, journey.environment) as kernel:
        kernel.run("%load_ext puras")
        kernel.run(CELL)
        journey.log("a kernel: %load_ext puras, and %%skill tally with a typed function of eight lines")
        output = kernel.run(f"print(tally.run(text={TEXT!r}, show=False).result)")
        check("the skill runs in the kernel", output == str(RESULT), found=output)
        journey.log(f"  in the kernel, before anything is stored: {output}")
        job_id = kernel.run(f'run = tally.run(text={TEXT!r}, where="server", show=False)\nprint(run.id)')
        journey.add_job("from the cell, as a job of the draft", _job(journey, job_id))
        report = kernel.run("%skill_check tally")
        check("the skill runs without the notebook", "True" in report, found=report)
        journey.log("  %skill_check: the extracted files run in a new kernel without the state of this one")
        published = kernel.run('%skill_publish tally -m "From a cell"')
        check("the skill is published", "<version 1, active>" in published, found=published)
        journey.log("  %skill_publish: version 1, active")
        check("curl, Python and MCP are shown", _shows_all_interfaces(published), found=published)
    with new_kernel(journey.folder, journey.environment) as kernel:
        found = _attached(kernel, job_id)
        check("a new kernel can attach to the run", found == str(RESULT), found=found)
        journey.log("  the kernel has ended; in a new one, puras.attach(job) returns the run with its result")


def _from_python(journey: Journey) -> None:
    client = Client(journey.key, api_base=journey.url)
    journey.add_job("from Python, puras.Client", client.run_job("tally", {"text": TEXT}, source="python"))


def _from_the_terminal(journey: Journey) -> None:
    command = [str(BIN / "puras"), "run", "tally", "-i", f"text={TEXT}", "--json"]
    ran = subprocess.run(
        command, env=journey.environment, cwd=journey.folder, capture_output=True, text=True, timeout=120
    )
    check("the exit code in the terminal is 0", ran.returncode == 0, found=ran.stderr)
    journey.add_job("from the terminal, puras run", json.loads(ran.stdout))


async def _over_mcp(journey: Journey) -> None:
    started = StdioServerParameters(command=str(BIN / "puras-mcp"), env=journey.environment)
    async with mcp.Client(started) as client:
        skills = await _called(client, "list_skills")
        check(
            "an agent finds the skill", [one["name"] for one in skills["skills"]] == ["tally"], found=skills
        )
        arguments = {"skill": "tally", "inputs": {"text": TEXT}, "wait": True}
        journey.add_job("from an agent, MCP over stdio", await _called(client, "submit_job", **arguments))
    headers = {"Authorization": f"Bearer {journey.key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=70) as http,
        mcp.Client(streamable_http_client(f"{journey.url}/mcp", http_client=http)) as client,
    ):
        journey.add_job("from an agent, MCP over HTTP", await _called(client, "submit_job", **arguments))


def _in_the_studio(journey: Journey) -> None:
    me = Client(journey.key, api_base=journey.url).request("GET", "/v1/me")
    project = me["projects"][0]["slug"]
    with studio.signed_in(journey.running) as page:
        studio.expect_in_job_list(page, project, list(journey.jobs.values()))
        journey.log(f"in the studio, in Chromium: the list contains all {len(journey.jobs)} jobs")
        for caller, job_id in journey.jobs.items():
            source = _job(journey, job_id)["source"]
            studio.expect_job_page(page, project, job_id, "tally", RESULT["longest"])
            journey.log(f"  the page of the job {caller}: its result, its source {source!r}")


def _job(journey: Journey, job_id: str) -> Any:
    return Client(journey.key, api_base=journey.url).wait(job_id)


def _attached(kernel: Kernel, job_id: str) -> str:
    kernel.run("%load_ext puras\nimport puras")
    return kernel.run(f"print(puras.attach({job_id!r}, show=False).result)")


def _shows_all_interfaces(published: str) -> bool:
    return all(re.search(pattern, published) for pattern in ("curl -s", r"Client\(", "mcpServers"))


async def _called(client: mcp.Client, tool: str, **arguments: Any) -> Any:
    response = await client.call_tool(tool, arguments)
    check(f"the tool {tool} succeeds", not response.is_error, found=response.content)
    return response.structured_content
