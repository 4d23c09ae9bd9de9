"""The daily cap of an API key limits the cost of its jobs, however they are submitted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from backend.core.clock import now
from backend.identity.api_keys import keys
from backend.money import admission
from backend.money.ledger import audit
from tests.doubles.messages import Says, calls, says
from tests.factories.agents import DONE, place_of
from tests.integration.agents.conftest import Agents, CountingTool, bundle

pytestmark = pytest.mark.asyncio(loop_scope="module")

REPLY = {"input_tokens": 2_000, "output_tokens": 500}
REPLY_MICROS = 5_400
"""The price of 2,000 tokens at $1 per million and 500 tokens at $5 per million, plus 20 %."""


async def with_daily_cap(agents: Agents, cap_micros: int) -> Agents:
    """Return the same project with a new API key that has a daily cap."""
    async with agents.instance.database.transaction() as session:
        scopes = ["jobs:submit", "jobs:read_own", "evals:read", "evals:write"]
        limits = keys.Limits(scopes, daily_cap_micros=cap_micros)
        made = await keys.create(session, None, project_id=agents.project.id, limits=limits)
    http = httpx.AsyncClient(
        transport=agents.project.http._transport,
        base_url=agents.project.http.base_url,
        headers={"Authorization": f"Bearer {made.plaintext}"},
    )
    return replace(agents, project=replace(agents.project, http=http))


async def total_spent(agents: Agents) -> int:
    """Return the cost charged and forgiven for all jobs of the project; check it against the ledger."""
    query = text("select sum(cost_micros + forgiven_micros) from jobs where project_id = :id")
    of_days = text("select sum(spent_micros + forgiven_micros) from daily_spending where project_id = :id")
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []
        total: int = (await session.execute(query, {"id": agents.project.id})).scalar_one()
        by_day: int | None = (await session.execute(of_days, {"id": agents.project.id})).scalar_one()
    assert total == (by_day or 0)
    return total


def steps(count: int) -> Any:
    """Return replies that call a tool in each step except the last."""

    def reply(body: dict[str, Any]) -> Says:
        _, step = place_of(body)
        block = calls("set_output", **DONE) if step == count else calls("look", at=f"place {step}")
        return says(block, **REPLY)

    return reply


async def test_job_stops_before_model_call_that_would_exceed_daily_cap(
    agents: Agents,
) -> None:
    by_key = await with_daily_cap(agents, 6_000)
    by_key.tools = [CountingTool()]
    agents.upstream.script = steps(13)
    job = await by_key.run()
    assert await total_spent(agents) <= 6_000, "13 replies would be 70,200"
    assert job["error_code"] == "cost_capped"
    assert "the daily cap of the key" in job["error"]
    assert "00:00 UTC" in job["error"]
    assert (await agents.payloads(job["id"], "cost_capped"))[0]["capped_by"] == "key_cap"
    assert agents.upstream.asked * REPLY_MICROS <= 6_000


async def test_six_concurrent_jobs_share_daily_cap(agents: Agents) -> None:
    by_key = await with_daily_cap(agents, 6_000)
    by_key.tools = [CountingTool()]
    agents.upstream.script = steps(2)
    jobs = [await by_key.submit() for _ in range(6)]
    async with by_key.running_worker(capacity=6):
        ended = [await by_key.wait_for_end(job_id) for job_id in jobs]
    assert await total_spent(agents) <= 6_000, "six jobs of two replies would be 64,800"
    assert {job["error_code"] for job in ended} <= {"cost_capped", "key_cap_reached"}


async def test_jobs_due_at_the_same_time_share_daily_cap(agents: Agents) -> None:
    by_key = await with_daily_cap(agents, 2_000)
    replies = iter(
        [{"input_tokens": 986, "output_tokens": 10}, *[{"input_tokens": 983, "output_tokens": 10}] * 24]
    )
    agents.upstream.script = lambda _: says(calls("set_output", **DONE), **next(replies))
    at = now() + timedelta(hours=1)
    jobs = [await by_key.submit(run_at=at.isoformat()) for _ in range(25)]
    async with agents.instance.database.transaction() as session:
        await session.execute(text("update job_queue set not_before = now()"))
        await admission.admit(session, agents.project.id)
    async with by_key.running_worker(capacity=25):
        for job_id in jobs:
            await by_key.wait_for_end(job_id)
    assert await total_spent(agents) <= 2_000, "25 jobs would be 31,004"


async def test_suite_jobs_count_against_the_key_that_started_it(agents: Agents) -> None:
    graded = "evals: {dataset: cases.jsonl, graders: [{name: right, kind: exact_match, field: score}]}\n"
    cases = b"".join(b'{"inputs": {"topic": "owls %d"}, "expected": 3}\n' % number for number in range(6))
    await agents.project.pushed({**bundle(graded), "skills/sum/cases.jsonl": cases})
    by_key = await with_daily_cap(agents, 12_000)
    agents.upstream.script = lambda _: says(calls("set_output", **DONE), **REPLY)
    body = {"skill": "sum", "repeat": 2}
    suite = await by_key.project.http.post("/v1/skillpacks/default/evals", json=body)
    assert suite.status_code == 201, suite.text
    query = text(
        "select count(*), count(distinct api_key_id), sum(used_micros) from jobs where source = 'eval'"
    )
    async with by_key.running_worker(capacity=6):
        for job in (await by_key.project.http.get("/v1/jobs?source=eval&limit=50")).json():
            await by_key.wait_for_end(job["id"])
    async with agents.instance.database.transaction() as session:
        made, of_keys, used = (await session.execute(query)).one()
    assert (made, of_keys) == (12, 1)
    assert await total_spent(agents) <= 12_000
    assert used > 0
