"""What a job has called is paid with it: one bill, decided by its end, whose parts add up to the micro."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import Agents, Counter
from tests.integration.agents.test_subagents import (
    REPLY,
    REPLY_MICROS,
    asks,
    children,
    hand_in,
    proven,
    with_subagents,
)
from workers.agent.types import ToolCall, ToolResult

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Meeting(Counter):
    """A tool whose calls end once two of them run."""

    async def run(self, call: ToolCall, workroom: Any) -> ToolResult:
        """Wait for the other one."""
        self.gate = self.gate or asyncio.Event()
        if len(self.calls) == 1:
            self.gate.set()
        async with asyncio.timeout(15):
            return await super().run(call, workroom)


async def paid(agents: Agents) -> dict[str, int]:
    """What the ledger has taken from the wallet, by job."""
    lines = (await agents.project.http.get("/v1/billing/ledger")).json()
    return {line["job_id"]: -line["amount_micros"] for line in lines if line["kind"] == "job_charge"}


async def receipt(agents: Agents, job_id: str) -> Any:
    return (await agents.project.http.get(f"/v1/jobs/{job_id}/receipt")).json()


def adds_up(told: Any) -> bool:
    parts = told["cost_micros"] + told["forgiven_micros"] + told["over_cap_micros"]
    return bool(sum(line["billed_micros"] for line in told["lines"]) == told["used_micros"] == parts)


async def test_two_called_at_once_are_lines_of_one_bill_and_parts_of_one_timeline(agents: Agents) -> None:
    await with_subagents(agents)
    agents.tools = [*agents.tools, Meeting()]
    question = {"target": "answer", "inputs": {"question": "who?"}}
    agents.upstream.script = [
        says(
            calls("run_subagent", _label="First", **question),
            calls("run_subagent", _label="Second", **question),
            **REPLY,
        ),
        says(calls("look"), **REPLY),
        says(calls("look"), **REPLY),
        *(hand_in() for _ in range(3)),
    ]
    job = await agents.run()
    called = await children(agents, job["id"])
    assert (job["status"], job["cost_micros"], job["called_cost_micros"]) == (
        "succeeded",
        6 * REPLY_MICROS,
        4 * REPLY_MICROS,
    )
    assert [one["cost_micros"] for one in called] == [2 * REPLY_MICROS] * 2
    told = await receipt(agents, job["id"])
    lines = {line["job_id"]: line["charged_micros"] for line in told["lines"] if line["kind"] == "subagent"}
    assert lines == {one["id"]: one["cost_micros"] for one in called}
    assert adds_up(told)
    for one in called:
        its = await receipt(agents, one["id"])
        assert (adds_up(its), its["paid_with"]) == (True, job["id"])
    assert await paid(agents) == {job["id"]: 2 * REPLY_MICROS, **lines}
    usage = (await agents.project.http.get("/v1/usage?group_by=skill")).json()
    by_call = (await agents.project.http.get("/v1/usage?group_by=model")).json()
    assert (
        sum(row["cost_micros"] for row in usage)
        == sum(row["cost_micros"] for row in by_call)
        == job["cost_micros"]
    )
    await _is_in_the_timeline(agents, job["id"], {one["id"] for one in called})
    assert await proven(agents)


async def _is_in_the_timeline(agents: Agents, job_id: str, called: set[str]) -> None:
    starts = await agents.payloads(job_id, "subagent_start")
    ends = await agents.payloads(job_id, "subagent_end")
    assert {start["job_id"] for start in starts} == {end["job_id"] for end in ends} == called
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
    assert {span["attributes"]["job_id"] for span in nested} == called
    assert all(tools[span["parent_span_id"]]["name"] == "run_subagent" for span in nested)
    assert [span["attributes"]["used_micros"] for span in nested] == [2 * REPLY_MICROS] * 2


async def test_a_job_that_fails_is_forgiven_with_all_that_it_called(agents: Agents) -> None:
    await with_subagents(agents)
    agents.upstream.script = [asks(), hand_in(), says("No.", stop_reason="refusal", **REPLY)]
    job = await agents.run()
    (child,) = await children(agents, job["id"])
    assert (job["status"], job["cost_micros"], job["forgiven_micros"]) == ("failed", 0, 3 * REPLY_MICROS)
    assert (child["status"], child["cost_micros"], child["forgiven_micros"]) == ("succeeded", 0, REPLY_MICROS)
    its = await receipt(agents, child["id"])
    assert adds_up(its)
    assert "the job that called it did not succeed" in " ".join(its["notes"])
    assert adds_up(await receipt(agents, job["id"]))
    assert await paid(agents) == {}
    assert await proven(agents)


async def test_beyond_the_days_forgiven_amount_a_tree_is_charged_from_its_first_call_on(
    agents: Agents,
) -> None:
    await with_subagents(agents)
    agents.upstream.script = [asks(), hand_in(), says("No.", stop_reason="refusal", **REPLY)]
    job_id = await agents.submit()
    query = text("update jobs set forgivable_micros = :micros where id = :id")
    async with agents.instance.database.transaction() as session:
        await session.execute(query, {"id": job_id, "micros": REPLY_MICROS + 1})
    async with agents.working():
        job = await agents.ended(job_id)
    (child,) = await children(agents, job_id)
    assert (job["cost_micros"], job["forgiven_micros"]) == (2 * REPLY_MICROS - 1, REPLY_MICROS + 1)
    assert (child["cost_micros"], child["forgiven_micros"]) == (REPLY_MICROS - 1, 1)
    assert await paid(agents) == {job_id: REPLY_MICROS, child["id"]: REPLY_MICROS - 1}
    assert adds_up(await receipt(agents, job_id))
    assert await proven(agents)


async def test_what_fails_below_a_job_that_succeeds_is_paid_with_it(agents: Agents) -> None:
    await with_subagents(agents)
    agents.upstream.script = [asks(), says("No.", stop_reason="refusal", **REPLY), hand_in()]
    job = await agents.run()
    (child,) = await children(agents, job["id"])
    assert (job["cost_micros"], child["status"], child["cost_micros"]) == (
        3 * REPLY_MICROS,
        "failed",
        REPLY_MICROS,
    )
    assert await proven(agents)


async def test_while_its_caller_runs_a_called_job_counts_once_in_budgets_and_stands_as_owed(
    agents: Agents,
) -> None:
    await with_subagents(agents)
    tool = Counter(gate=asyncio.Event())
    agents.tools = [*agents.tools, tool]
    http = agents.project.http
    for budget in (
        {"name": "All", "scope": "project"},
        {"name": "Answers", "scope": "skill", "skill": "answer"},
        {"name": "Sums", "scope": "skill", "skill": "sum"},
    ):
        made = await http.post(
            "/v1/budgets", json={**budget, "window": "day", "limit_usd": 5, "enforce": False}
        )
        assert made.status_code == 201, made.text

    async def used() -> dict[str, int]:
        return {one["name"]: one["used_micros"] for one in (await http.get("/v1/budgets")).json()}

    agents.upstream.script = [asks(), hand_in(), says(calls("look"), **REPLY), hand_in()]
    job_id = await agents.submit(limits={"cost_usd": 0.1})
    async with agents.working():
        await asyncio.wait_for(tool.begun.wait(), 15)
        (child,) = await children(agents, job_id)
        while_it_runs = await used()
        owed = await receipt(agents, child["id"])
        assert tool.gate is not None
        tool.gate.set()
        job = await agents.ended(job_id)
    assert while_it_runs == {"All": 100_000, "Answers": REPLY_MICROS, "Sums": 100_000 - REPLY_MICROS}
    assert (child["cost_micros"], child["used_micros"], child["paid_with"]) == (0, REPLY_MICROS, job_id)
    assert (owed["over_cap_micros"], owed["paid_with"]) == (0, job_id)
    assert await used() == {"All": job["cost_micros"], "Answers": REPLY_MICROS, "Sums": 3 * REPLY_MICROS}
    assert json.dumps(owed["notes"]).count("will be paid with") == 1
    assert await proven(agents)
