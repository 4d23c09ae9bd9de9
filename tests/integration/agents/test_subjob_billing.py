"""The cost of subjobs is part of the cost of their parent: one receipt whose parts add up to the micro."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import Agents, CountingTool
from tests.integration.agents.test_subagents import (
    REPLY,
    REPLY_MICROS,
    calls_subagent,
    children,
    is_ledger_consistent,
    submit_result,
    with_subagents,
)
from workers.agent.types import ToolCall, ToolResult

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class PairedTool(CountingTool):
    """A tool whose calls return when two of them run."""

    async def run(self, call: ToolCall, workspace: Any) -> ToolResult:
        """Wait for the other call."""
        self.gate = self.gate or asyncio.Event()
        if len(self.calls) == 1:
            self.gate.set()
        async with asyncio.timeout(15):
            return await super().run(call, workspace)


async def charged_by_job(agents: Agents) -> dict[str, int]:
    """Return the amount that the ledger has charged to the wallet, by job."""
    lines = (await agents.project.http.get("/v1/billing/ledger")).json()
    return {line["job_id"]: -line["amount_micros"] for line in lines if line["kind"] == "job_charge"}


async def receipt(agents: Agents, job_id: str) -> Any:
    return (await agents.project.http.get(f"/v1/jobs/{job_id}/receipt")).json()


def adds_up(job_receipt: Any) -> bool:
    total = job_receipt["cost_micros"] + job_receipt["forgiven_micros"] + job_receipt["over_cap_micros"]
    return bool(
        sum(line["billed_micros"] for line in job_receipt["lines"]) == job_receipt["used_micros"] == total
    )


async def test_concurrent_subjobs_share_one_receipt_and_timeline(agents: Agents) -> None:
    await with_subagents(agents)
    agents.tools = [*agents.tools, PairedTool()]
    question = {"target": "answer", "inputs": {"question": "who?"}}
    agents.upstream.script = [
        says(
            calls("run_subagent", _label="First", **question),
            calls("run_subagent", _label="Second", **question),
            **REPLY,
        ),
        says(calls("look"), **REPLY),
        says(calls("look"), **REPLY),
        *(submit_result() for _ in range(3)),
    ]
    job = await agents.run()
    child_jobs = await children(agents, job["id"])
    assert (job["status"], job["cost_micros"], job["subjob_cost_micros"]) == (
        "succeeded",
        6 * REPLY_MICROS,
        4 * REPLY_MICROS,
    )
    assert [one["cost_micros"] for one in child_jobs] == [2 * REPLY_MICROS] * 2
    job_receipt = await receipt(agents, job["id"])
    lines = {
        line["job_id"]: line["charged_micros"] for line in job_receipt["lines"] if line["kind"] == "subagent"
    }
    assert lines == {one["id"]: one["cost_micros"] for one in child_jobs}
    assert adds_up(job_receipt)
    for one in child_jobs:
        child_receipt = await receipt(agents, one["id"])
        assert (adds_up(child_receipt), child_receipt["billed_to_job_id"]) == (True, job["id"])
    assert await charged_by_job(agents) == {job["id"]: 2 * REPLY_MICROS, **lines}
    usage = (await agents.project.http.get("/v1/usage?group_by=skill")).json()
    by_call = (await agents.project.http.get("/v1/usage?group_by=model")).json()
    assert (
        sum(row["cost_micros"] for row in usage)
        == sum(row["cost_micros"] for row in by_call)
        == job["cost_micros"]
    )
    await _is_in_the_timeline(agents, job["id"], {one["id"] for one in child_jobs})
    assert await is_ledger_consistent(agents)


async def _is_in_the_timeline(agents: Agents, job_id: str, child_jobs: set[str]) -> None:
    starts = await agents.payloads(job_id, "subagent_start")
    ends = await agents.payloads(job_id, "subagent_end")
    assert {start["job_id"] for start in starts} == {end["job_id"] for end in ends} == child_jobs
    assert {(start["label"], start["skill"], start["depth"]) for start in starts} == {
        ("First", "answer", 1),
        ("Second", "answer", 1),
    }
    assert {(end["label"], end["status"], end["used_micros"]) for end in ends} == {
        ("First", "succeeded", 2 * REPLY_MICROS),
        ("Second", "succeeded", 2 * REPLY_MICROS),
    }
    spans = (await agents.project.http.get(f"/v1/jobs/{job_id}/spans")).json()
    tools = {span["span_id"]: span for span in spans if span["kind"] == "tool"}
    nested = [span for span in spans if span["kind"] == "subagent"]
    assert {span["attributes"]["job_id"] for span in nested} == child_jobs
    assert all(tools[span["parent_span_id"]]["name"] == "run_subagent" for span in nested)
    assert [span["attributes"]["used_micros"] for span in nested] == [2 * REPLY_MICROS] * 2


async def test_failed_job_is_forgiven_with_its_subjobs(agents: Agents) -> None:
    await with_subagents(agents)
    agents.upstream.script = [calls_subagent(), submit_result(), says("No.", stop_reason="refusal", **REPLY)]
    job = await agents.run()
    (child,) = await children(agents, job["id"])
    assert (job["status"], job["cost_micros"], job["forgiven_micros"]) == ("failed", 0, 3 * REPLY_MICROS)
    assert (child["status"], child["cost_micros"], child["forgiven_micros"]) == ("succeeded", 0, REPLY_MICROS)
    child_receipt = await receipt(agents, child["id"])
    assert adds_up(child_receipt)
    assert "the job that called it did not succeed" in " ".join(child_receipt["notes"])
    assert adds_up(await receipt(agents, job["id"]))
    assert await charged_by_job(agents) == {}
    assert await is_ledger_consistent(agents)


async def test_job_tree_is_charged_beyond_daily_forgiven_amount(
    agents: Agents,
) -> None:
    await with_subagents(agents)
    agents.upstream.script = [calls_subagent(), submit_result(), says("No.", stop_reason="refusal", **REPLY)]
    job_id = await agents.submit()
    query = text("update jobs set forgivable_micros = :micros where id = :id")
    async with agents.instance.database.transaction() as session:
        await session.execute(query, {"id": job_id, "micros": REPLY_MICROS + 1})
    async with agents.running_worker():
        job = await agents.wait_for_end(job_id)
    (child,) = await children(agents, job_id)
    assert (job["cost_micros"], job["forgiven_micros"]) == (2 * REPLY_MICROS - 1, REPLY_MICROS + 1)
    assert (child["cost_micros"], child["forgiven_micros"]) == (REPLY_MICROS - 1, 1)
    assert await charged_by_job(agents) == {job_id: REPLY_MICROS, child["id"]: REPLY_MICROS - 1}
    assert adds_up(await receipt(agents, job_id))
    assert await is_ledger_consistent(agents)


async def test_failed_subjob_of_successful_job_is_charged(agents: Agents) -> None:
    await with_subagents(agents)
    agents.upstream.script = [calls_subagent(), says("No.", stop_reason="refusal", **REPLY), submit_result()]
    job = await agents.run()
    (child,) = await children(agents, job["id"])
    assert (job["cost_micros"], child["status"], child["cost_micros"]) == (
        3 * REPLY_MICROS,
        "failed",
        REPLY_MICROS,
    )
    assert await is_ledger_consistent(agents)


async def test_running_subjob_counts_once_in_budgets_and_is_shown_as_owed(
    agents: Agents,
) -> None:
    await with_subagents(agents)
    tool = CountingTool(gate=asyncio.Event())
    agents.tools = [*agents.tools, tool]
    http = agents.project.http
    for budget in (
        {"name": "All", "scope": "project"},
        {"name": "Answers", "scope": "skill", "skill": "answer"},
        {"name": "Sums", "scope": "skill", "skill": "sum"},
    ):
        response = await http.post(
            "/v1/budgets", json={**budget, "window": "day", "limit_usd": 5, "enforce": False}
        )
        assert response.status_code == 201, response.text

    async def used() -> dict[str, int]:
        return {one["name"]: one["used_micros"] for one in (await http.get("/v1/budgets")).json()}

    agents.upstream.script = [
        calls_subagent(),
        submit_result(),
        says(calls("look"), **REPLY),
        submit_result(),
    ]
    job_id = await agents.submit(limits={"cost_usd": 0.1})
    async with agents.running_worker():
        await asyncio.wait_for(tool.started.wait(), 15)
        (child,) = await children(agents, job_id)
        while_it_runs = await used()
        pending_receipt = await receipt(agents, child["id"])
        assert tool.gate is not None
        tool.gate.set()
        job = await agents.wait_for_end(job_id)
    assert while_it_runs == {"All": 100_000, "Answers": REPLY_MICROS, "Sums": 100_000 - REPLY_MICROS}
    assert (child["cost_micros"], child["used_micros"], child["billed_to_job_id"]) == (
        0,
        REPLY_MICROS,
        job_id,
    )
    assert (pending_receipt["over_cap_micros"], pending_receipt["billed_to_job_id"]) == (0, job_id)
    assert await used() == {"All": job["cost_micros"], "Answers": REPLY_MICROS, "Sums": 3 * REPLY_MICROS}
    assert json.dumps(pending_receipt["notes"]).count("will be paid with") == 1
    assert await is_ledger_consistent(agents)
