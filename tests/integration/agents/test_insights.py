"""Insights: recommendations from the jobs of a skill, with the IDs of these jobs."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import Agents, CountingTool, Served
from tests.integration.deployments.conftest import Projects

pytestmark = pytest.mark.asyncio(loop_scope="module")

DONE = {"summary": "Owls fly at night.", "score": 3}
TURNS = (
    says(calls("look", at="a tree"), input_tokens=1_000, output_tokens=10),
    says(calls("look", at="nowhere"), input_tokens=3_000, output_tokens=10),
    says(calls("set_output", summary="x", score="high"), input_tokens=90_000, output_tokens=10),
    says(calls("set_output", **DONE), input_tokens=3_000, output_tokens=10),
)


def turn(body: dict[str, Any]) -> Any:
    return TURNS[sum(message["role"] == "assistant" for message in body["messages"])]


async def get_insights(agents: Agents, **query: str) -> Any:
    response = await agents.project.http.get("/v1/skills/sum/findings", params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def test_insights_report_failures_costs_and_cache_misses(agents: Agents, served: Served) -> None:
    nothing = await get_insights(agents)
    assert (nothing["jobs_analyzed"], nothing["findings"], nothing["is_capped"]) == (0, [], False)
    agents.tools = [CountingTool()]
    agents.upstream.script = turn
    job_ids = [await agents.submit() for _ in range(3)]
    ended_ids = [await agents.submit(limits={"steps": 2}) for _ in range(2)]
    async with agents.running_worker():
        for job_id in (*job_ids, *ended_ids):
            await agents.wait_for_end(job_id)

    page = await get_insights(agents)
    assert (page["jobs_analyzed"], page["skill"], page["skillpack"]) == (5, "sum", "default")
    findings = {one["kind"]: one for one in page["findings"]}
    assert findings.keys() == {
        "failures",
        "output_mismatches",
        "tool_errors",
        "expensive_step",
        "cache_misses",
    }
    assert findings["output_mismatches"]["former_kind"] == "output_misfits"
    assert findings["failures"]["former_kind"] == "failures", "not renamed"
    assert page["max_jobs"] == page["most_jobs"]
    assert page["max_events"] == page["most_events"]
    assert page["steps"][0]["costliest_job_id"] == page["steps"][0]["dearest_job_id"]
    assert findings["failures"]["severity"] == "high"
    assert "2 of 5 runs failed with 'step_limit'" in findings["failures"]["title"]
    assert set(findings["failures"]["job_ids"]) == set(ended_ids)
    assert findings["output_mismatches"]["details"] == {"mismatches": 3, "misfits": 3, "jobs": 3}
    assert set(findings["output_mismatches"]["job_ids"]) == set(job_ids)
    assert findings["tool_errors"]["details"] == {"tool": "look", "errors": 5, "calls": 10}
    assert "Look elsewhere" in findings["tool_errors"]["title"]
    assert (
        findings["expensive_step"]["details"]["step"],
        findings["cache_misses"]["details"]["cache_read_tokens"],
    ) == (
        3,
        0,
    )
    (version,) = page["versions"]
    assert (version["runs"], version["failed"]) == (5, 2)
    assert version["cost_p50_micros"] == version["cost_p95_micros"] == 97_000 * 6 // 5 + 4 * 60
    (look,) = page["tools"]
    assert (look["name"], look["calls"], look["errors"]) == ("look", 10, 5)
    assert [step["step"] for step in page["steps"]] == [3, 2, 4, 1]

    # A job that waited: its last attempt started long after the first one.
    earlier = text(
        "update jobs set first_started_at = first_started_at - interval '1 hour' where project_id = :id"
    )
    async with agents.instance.database.transaction() as session:
        await session.execute(earlier, {"id": agents.project.id})
    (version,) = (await get_insights(agents))["versions"]
    assert version["duration_p50_ms"] >= 3_600_000

    later = await get_insights(agents, since="2999-01-01T00:00:00Z")
    assert later["jobs_analyzed"] == 0
    projects = Projects(served.app, served.instance.database, [])
    other_project = (await projects.make("Other")).http
    assert (await other_project.get("/v1/skills/sum/findings")).status_code == 404
    for client in projects.clients:
        await client.aclose()
