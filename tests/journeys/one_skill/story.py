"""One skill: written in a notebook's cell, published from it, called from everywhere, its jobs seen in the studio."""

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
from tests.journeys.one_skill import studio
from tests.journeys.one_skill.kernel import Kernel, new_kernel
from tests.journeys.telling import Tell, check

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
FOUND = {"words": 6, "longest": "listens"}


@dataclass(frozen=True, slots=True)
class Tale:
    """The instance, who calls it from where, and the jobs that came of it."""

    running: Running
    key: str
    """Of the project."""
    folder: Path
    tell: Tell
    jobs: dict[str, str] = field(default_factory=dict)
    """Id by where it was called from."""

    @property
    def address(self) -> str:
        """Of the instance."""
        return f"http://127.0.0.1:{self.running.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Of somebody with a key, on a machine where nothing else is set up."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PURAS_")}
        return kept | {
            "HOME": str(self.folder),
            "PURAS_API_BASE": self.address,
            "PURAS_API_KEY": self.key,
        }

    def came(self, where: str, job: Any) -> None:
        """Note a job, whose result has to be the one."""
        check(f"the result {where}", job["result"] == FOUND, found=job)
        self.jobs[where] = job["id"]
        self.tell(f"{where}: job {job['id']} {job['status']}, {json.dumps(job['result'])}")


def tell_skill(tell: Tell) -> None:
    """Live through it, and tell each thing that holds.

    Raises:
        Broken: something did not hold.
    """
    with (
        tempfile.TemporaryDirectory(prefix="one-skill-", ignore_cleanup_errors=True) as folder,
        instance(PURAS_COMPUTE_MICROS_PER_SECOND="100") as running,
    ):
        tell(f"instance up after {running.ready_after_s:.0f} s")
        studio.make_operator(running)
        tale = Tale(running, running.add_project(), Path(folder), tell)
        _in_a_notebook(tale)
        _from_python(tale)
        _from_the_terminal(tale)
        asyncio.run(_over_mcp(tale))
        _in_the_studio(tale)


def _in_a_notebook(tale: Tale) -> None:
    with new_kernel(tale.folder, tale.environment) as kernel:
        kernel.run("%load_ext puras")
        kernel.run(CELL)
        tale.tell("a kernel: %load_ext puras, and %%skill tally with a typed function of eight lines")
        here = kernel.run(f"print(tally.run(text={TEXT!r}, show=False).result)")
        check("it runs in the kernel", here == str(FOUND), found=here)
        tale.tell(f"  in the kernel, before anything is stored: {here}")
        job_id = kernel.run(f'run = tally.run(text={TEXT!r}, where="server", show=False)\nprint(run.id)')
        tale.came("from the cell, as a job of the draft", _job(tale, job_id))
        sound = kernel.run("%skill_check tally")
        check("it stands alone", "True" in sound, found=sound)
        tale.tell("  %skill_check: the extracted files run in a fresh kernel, with nothing of this one")
        published = kernel.run('%skill_publish tally -m "From a cell"')
        check("it is published", "<version 1, active>" in published, found=published)
        tale.tell("  %skill_publish: version 1, active")
        check("curl, Python and MCP are shown", _shows_all_ways(published), found=published)
    with new_kernel(tale.folder, tale.environment) as kernel:
        found = _attached(kernel, job_id)
        check("a new kernel has the run", found == str(FOUND), found=found)
        tale.tell("  the kernel is gone; in a new one, puras.attach(job) has the run with its result")


def _from_python(tale: Tale) -> None:
    client = Client(tale.key, api_base=tale.address)
    tale.came("from Python, puras.Client", client.run_job("tally", {"text": TEXT}, source="python"))


def _from_the_terminal(tale: Tale) -> None:
    asked = [str(BIN / "puras"), "run", "tally", "-i", f"text={TEXT}", "--json"]
    ran = subprocess.run(
        asked, env=tale.environment, cwd=tale.folder, capture_output=True, text=True, timeout=120
    )
    check("the terminal's exit code is 0", ran.returncode == 0, found=ran.stderr)
    tale.came("from the terminal, puras run", json.loads(ran.stdout))


async def _over_mcp(tale: Tale) -> None:
    started = StdioServerParameters(command=str(BIN / "puras-mcp"), env=tale.environment)
    async with mcp.Client(started) as client:
        skills = await _called(client, "list_skills")
        check("an agent finds it", [one["name"] for one in skills["skills"]] == ["tally"], found=skills)
        asked = {"skill": "tally", "inputs": {"text": TEXT}, "wait": True}
        tale.came("from an agent, MCP over stdio", await _called(client, "submit_job", **asked))
    headers = {"Authorization": f"Bearer {tale.key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=70) as http,
        mcp.Client(streamable_http_client(f"{tale.address}/mcp", http_client=http)) as client,
    ):
        tale.came("from an agent, MCP over HTTP", await _called(client, "submit_job", **asked))


def _in_the_studio(tale: Tale) -> None:
    me = Client(tale.key, api_base=tale.address).request("GET", "/v1/me")
    project = me["projects"][0]["slug"]
    with studio.signed_in(tale.running) as page:
        studio.see_in_the_list(page, project, list(tale.jobs.values()))
        tale.tell(f"in the studio, in Chromium: the list of jobs has all {len(tale.jobs)} of them")
        for where, job_id in tale.jobs.items():
            source = _job(tale, job_id)["source"]
            studio.see_its_page(page, project, job_id, "tally", FOUND["longest"])
            tale.tell(f"  the page of the job {where}: its result, its source {source!r}")


def _job(tale: Tale, job_id: str) -> Any:
    return Client(tale.key, api_base=tale.address).wait(job_id)


def _attached(kernel: Kernel, job_id: str) -> str:
    kernel.run("%load_ext puras\nimport puras")
    return kernel.run(f"print(puras.attach({job_id!r}, show=False).result)")


def _shows_all_ways(published: str) -> bool:
    return all(re.search(way, published) for way in ("curl -s", r"Client\(", "mcpServers"))


async def _called(client: mcp.Client, tool: str, **arguments: Any) -> Any:
    answer = await client.call_tool(tool, arguments)
    check(f"the tool {tool} succeeds", not answer.is_error, found=answer.content)
    return answer.structured_content
