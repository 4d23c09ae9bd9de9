"""Define the tool that runs eval suites."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from pydantic import Field

from puras_mcp.api import Api, segment
from puras_mcp.cutting import fit
from puras_mcp.errors import CallRejected
from puras_mcp.offer import RUN, Offer
from puras_mcp.shapes import Suite
from puras_mcp.tools.about import SkillName, Skillpack, Version
from puras_mcp.tools.jobs import MAX_WAIT_S, Timeout
from puras_mcp.world import Call, api_of

POLL_S = 2
_RUNNING = frozenset({"preparing", "running"})


async def run_eval(
    call: Call,
    skill: SkillName = "",
    suite_id: Annotated[
        str,
        Field(description="ID of a running suite: follow it instead of starting another one."),
    ] = "",
    version: Version = None,
    repeat: Annotated[int, Field(description="Number of runs of each case.", ge=1, le=20)] = 1,
    timeout: Timeout = MAX_WAIT_S,
    skillpack: Skillpack = "",
) -> Suite:
    """Run the eval cases of a skill as jobs, which can cost money, and grade the results.

    The call waits up to `timeout` seconds. While `status` is running, call again with `suite_id` = `id`. `failures`
    lists the runs that did not pass. `gate_passed` reports whether the threshold of the skill was reached.
    """
    api = api_of(call)
    if suite_id:
        suite = await api.get(f"/v1/evals/{segment(suite_id)}")
    else:
        suite = await _start(api, skill, version, repeat, skillpack)
    deadline = time.monotonic() + timeout
    while suite["status"] in _RUNNING and time.monotonic() < deadline:
        await asyncio.sleep(POLL_S)
        suite = await api.get(f"/v1/evals/{segment(suite['id'])}")
        await call.report_progress(suite["completed_runs"], suite["total_runs"])
    if suite["status"] in _RUNNING:
        return Suite(**suite, next=f"The suite continues: call `run_eval` with suite_id={suite['id']!r}.")
    return Suite(**suite, failures=await _failures(api, suite["id"]))


async def _start(api: Api, skill: str, version: int | None, repeat: int, skillpack: str) -> dict[str, Any]:
    if not skill:
        raise CallRejected("Pass `skill` to start a suite, or `suite_id` to follow one.")
    if not skillpack:
        found = await api.get(f"/v1/skills/{segment(skill)}", version=version)
        skillpack = found["skillpack_id"]
    started: dict[str, Any] = await api.send(
        "POST",
        f"/v1/skillpacks/{segment(skillpack)}/evals",
        body={"skill": skill, "version": version, "repeat": repeat},
        creates=True,
    )
    return started


async def _failures(api: Api, suite_id: str) -> list[dict[str, Any]]:
    runs = await api.get(f"/v1/evals/{segment(suite_id)}/cases", only="not_passed", limit=200)
    fitted = fit([run for run in runs if run.get("passed") is False])
    return [run for run in fitted.value if isinstance(run, dict)]


LOCAL = HOSTED = (Offer(run_eval, "Run evals", RUN),)
