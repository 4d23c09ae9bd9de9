"""Eval suites: cases become jobs, jobs become scores, and the complete state is in the database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from httpx import URL
from sqlalchemy import text

from backend.core.db.paging import Page, Slice
from backend.core.errors import Invalid
from backend.evals.run_list import RunSummary, list_summaries
from backend.evals.runner import MAX_SUITES_PER_PROJECT
from backend.identity.api_keys import keys
from backend.money.ledger import audit
from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import Agents, Served, bundle
from tests.integration.agents.sandboxed_worker import models_for, sandboxed_worker
from tests.integration.deployments.conftest import Projects

pytestmark = pytest.mark.asyncio(loop_scope="module")

SKILL = b"""
entrypoint: main.py:run
input_schema: {type: object, properties: {n: {type: integer}}, required: [n]}
output_schema: {type: object, properties: {n: {type: integer}}}
evals:
  dataset: cases.jsonl
  graders:
    - {name: even, kind: check, entrypoint: checks.py:even}
    - {name: right, kind: exact_match, field: n, weight: 3}
"""
CASES = b"""
# comments and blank lines are skipped

{"id": "two", "inputs": {"n": 1}, "expected": {"n": 2}, "tags": ["small"]}
{"inputs": {"n": 4}, "expected": 8}
{"inputs": {"n": 5}}
{"id": "wrong", "inputs": {"n": 6}, "expected": 13}
"""
MAIN = b"def run(n):\n    if n > 900:\n        raise ValueError('too large')\n    return {'n': 2 * n}\n"
CHECKS = b"def even(inputs, output):\n    return {'score': 1.0 if output['n'] % 2 == 0 else 0.0}\n"
DOUBLE = {
    "skills/double/skill.yaml": SKILL,
    "skills/double/main.py": MAIN,
    "skills/double/cases.jsonl": CASES,
    "skills/double/checks.py": CHECKS,
}
WORSE = {**DOUBLE, "skills/double/main.py": MAIN.replace(b"2 * n", b"2 * n + (n == 4)")}
EVALS = "/v1/skillpacks/default/evals"
AGENT_EVALS = """
disable_bash: true
tools:
  - name: publish
    description: Puts it where everybody sees it.
    entrypoint: tools.py:publish
    confirm: true
    input_schema: {type: object, properties: {words: {type: string}}}
    output_schema: {type: object, properties: {ok: {type: boolean}}}
evals:
  dataset: cases.jsonl
  graders: [{name: right, kind: exact_match, field: score}]
  mocks: {publish: {ok: true}}
"""
DONE = {"summary": "Owls fly at night.", "score": 3}


async def post(agents: Agents, path: str, body: Any = None, *, status: int = 201) -> Any:
    response = await agents.project.http.post(path, json=body)
    assert response.status_code == status, response.text
    return response.json()


async def get(agents: Agents, path: str) -> Any:
    response = await agents.project.http.get(path)
    assert response.status_code == 200, response.text
    return response.json()


async def wait_for_suite(agents: Agents, suite_id: str, condition: Callable[[Any], bool]) -> Any:
    """Return the suite when the condition is met."""
    async with asyncio.timeout(30):
        while not condition(suite := await get(agents, f"/v1/evals/{suite_id}")):  # noqa: ASYNC110 - workers change it
            await asyncio.sleep(0.05)
    return suite


async def suite_end(agents: Agents, suite_id: str) -> Any:
    return await wait_for_suite(agents, suite_id, lambda suite: suite["finished_at"] is not None)


async def run_suite(agents: Agents, **request: Any) -> Any:
    """Run a suite until it ends."""
    suite = await post(agents, EVALS, {"skill": "double", **request})
    async with sandboxed_worker(agents, models_for(agents), capacity=4):
        return await suite_end(agents, suite["id"])


async def test_suite_continues_after_worker_loss_and_compares_versions(agents: Agents) -> None:
    await agents.project.pushed(DOUBLE)
    suite = await post(agents, EVALS, {"skill": "double", "repeat": 2, "threshold": 50})
    assert (suite["status"], suite["total_runs"], suite["gate_passed"]) == ("running", 8, None)
    async with sandboxed_worker(agents, models_for(agents)):
        partial = await wait_for_suite(agents, suite["id"], lambda one: one["completed_runs"] >= 2)
    assert partial["status"] == "running"
    async with sandboxed_worker(agents, models_for(agents), capacity=4):
        done = await suite_end(agents, suite["id"])
    assert (done["status"], done["version"], done["completed_runs"]) == ("succeeded", 2, 8)
    assert (done["pass_rate_pct"], done["mean_score"], done["gate_passed"]) == (75.0, 81.2, True)
    assert (done["score_stddev"], done["failed_runs"], done["total_cost_micros"]) == (32.5, 0, 0)
    even, right = done["graders"]
    assert even == {"name": "even", "kind": "check", "mean_score": 1.0, "pass_rate": 1.0, "runs": 8}
    assert (right["pass_rate"], right["runs"]) == (0.6667, 6)
    jobs = await get(agents, "/v1/jobs?source=eval&limit=50")
    assert len(jobs) == 8
    assert {job["metadata"]["case_id"] for job in jobs} == {"two", "case-2", "case-3", "wrong"}

    # The jobs waited for 30 days: their last attempts started long after the first ones.
    waited = "update jobs set first_started_at = first_started_at - interval '30 days' where project_id = :id"
    async with agents.instance.database.transaction() as session:
        await session.execute(text(waited), {"id": agents.project.id})
    [first] = await get(agents, f"/v1/evals/{suite['id']}/cases?limit=1")
    assert first["latency_ms"] >= 30 * 86_400_000

    await agents.project.pushed(WORSE)
    await run_suite(agents)
    compared = await get(agents, f"{EVALS}/diff?skill=double&base=2&head=3")
    assert (compared["base"]["version"], compared["head"]["version"], compared["regressed"]) == (2, 3, True)
    assert compared["deltas"]["pass_rate_pct"] == -25.0
    assert (compared["broken_cases"], compared["fixed_cases"]) == (["case-2"], [])
    back = await get(agents, f"{EVALS}/diff?skill=double&base=3&head=2")
    assert back["fixed_cases"] == back["mended_cases"] == ["case-2"], "the former name, too"
    same = await get(agents, f"{EVALS}/diff?skill=double&head=3")
    assert same["base"] == compared["base"]
    runs = await get(agents, f"/v1/evals/{compared['head']['suite_id']}/cases?base={suite['id']}&limit=2")
    assert [run["case_id"] for run in runs] == ["two", "case-2"]
    assert (runs[1]["expected"], runs[1]["output"], runs[1]["base"]["output"]) == (8, {"n": 9}, {"n": 8})
    assert (runs[1]["passed"], runs[1]["base"]["passed"]) == (False, True)
    await _assert_short_runs(agents, UUID(compared["head"]["suite_id"]), UUID(suite["id"]))
    await _assert_listed_runs(agents, compared["head"]["suite_id"], suite["id"])
    await post(agents, f"/v1/evals/{suite['id']}/baseline", status=200)
    repeated = await post(agents, f"/v1/evals/{compared['head']['suite_id']}/baseline", status=200)
    listed = await get(agents, f"{EVALS}?skill=double")
    assert [(one["id"], one["is_baseline"]) for one in listed] == [
        (repeated["id"], True),
        (suite["id"], False),
    ]


async def _assert_short_runs(agents: Agents, suite_id: UUID, base: UUID) -> None:
    """Check the filters, orders and pages of the runs of the page, in a suite with one regression and one failure."""
    async with agents.instance.database.transaction() as session:

        async def cases_of(limit: int = 10, cursor: str | None = None, **wanted: Any) -> Slice[RunSummary]:
            page = Page(limit, cursor)
            return await list_summaries(
                session, agents.project.principal, suite_id, page, base=base, **wanted
            )

        def names(found: Slice[RunSummary]) -> list[str]:
            return [run.case_id for run in found.items]

        everything = await cases_of()
        assert names(everything) == ["two", "case-2", "case-3", "wrong"]
        assert [(run.passed, run.is_regressed) for run in everything.items][:2] == [
            (True, False),
            (False, True),
        ]
        assert names(await cases_of(only="not_passed")) == ["case-2", "wrong"]
        assert names(await cases_of(only="regressed")) == ["case-2"]
        by_score = names(await cases_of(sort="score"))
        assert by_score[:2] == ["case-2", "wrong"]
        first = await cases_of(2, sort="score")
        second = await cases_of(2, first.next_cursor, sort="score")
        assert names(first) + names(second) == by_score
        assert second.next_cursor is None
        with pytest.raises(Invalid):
            await cases_of(2, first.next_cursor, sort="cost")


async def _assert_listed_runs(agents: Agents, suite_id: str, base: str) -> None:
    """Check the filters, orders and pages of the runs over REST."""
    path = f"/v1/evals/{suite_id}/cases"

    def names(runs: Any) -> list[str]:
        return [run["case_id"] for run in runs]

    assert names(await get(agents, f"{path}?only=not_passed")) == ["case-2", "wrong"]
    regressed = await get(agents, f"{path}?only=regressed&base={base}")
    assert [(run["output"], run["base"]["output"]) for run in regressed] == [({"n": 9}, {"n": 8})]
    by_score = names(await get(agents, f"{path}?sort=score"))
    assert by_score[:2] == ["case-2", "wrong"]
    first = await agents.project.http.get(f"{path}?sort=score&limit=2")
    assert names(first.json()) + names(await get(agents, first.links["next"]["url"])) == by_score
    other = f"{path}?sort=cost&cursor={URL(first.links['next']['url']).params['cursor']}"
    assert (await agents.project.http.get(other)).status_code == 422
    assert (await agents.project.http.get(f"{path}?only=regressed")).status_code == 422


async def _assert_no_recordings_of_other_jobs(agents: Agents, suite_id: str) -> None:
    """Check that a key which reads only its own jobs gets no suite of recordings of other jobs.

    Without `evals:read` it gets no suite: it can read the jobs of its suites, and these have the inputs of all cases.
    """
    scopes = ["evals:write", "jobs:submit", "jobs:read_own"]
    async with agents.instance.database.transaction() as session:
        key = await keys.create(session, None, project_id=agents.project.id, limits=keys.Limits(scopes))
        limits = keys.Limits([*scopes, "evals:read"])
        made = await keys.create(session, None, project_id=agents.project.id, limits=limits)
    rejected = await agents.project.http.post(
        EVALS, json={"skill": "sum"}, headers={"Authorization": f"Bearer {key.plaintext}"}
    )
    assert (rejected.status_code, rejected.json().get("scope")) == (403, "evals:read")
    other_job = (await get(agents, f"/v1/evals/{suite_id}/cases"))[0]["job_id"]
    for model, code in (("recording", "nothing_recorded"), (f"recording/{other_job}", "job_not_found")):
        rejected = await agents.project.http.post(
            EVALS,
            json={"skill": "sum", "model": model},
            headers={"Authorization": f"Bearer {made.plaintext}"},
        )
        assert rejected.json().get("code") == code, rejected.text


async def test_recording_and_simulated_suite_are_free_and_mocks_replace_tools(
    agents: Agents,
) -> None:
    code = b"def publish(words):\n    open('drive/published', 'w').write(words)\n    return {'ok': False}\n"
    cases = b'{"inputs": {"topic": "owls"}, "expected": 3}\n{"inputs": {"topic": "bats"}, "expected": 4}\n'
    files = {"skills/sum/tools.py": code, "skills/sum/cases.jsonl": cases}
    await agents.project.pushed({**bundle(AGENT_EVALS), **files})
    agents.upstream.script = lambda body: (
        says(calls("publish", words="Owls!"), input_tokens=100, output_tokens=10)
        if len(body["messages"]) == 1
        else says(calls("set_output", **DONE), input_tokens=100, output_tokens=10)
    )
    nothing = await post(agents, EVALS, {"skill": "sum", "model": "recording"}, status=409)
    assert nothing["code"] == "nothing_recorded"
    paid_suite = await run_suite(agents, skill="sum")
    assert (paid_suite["pass_rate_pct"], paid_suite["failed_runs"], paid_suite["label"]) == (50.0, 0, "")
    assert paid_suite["total_cost_micros"] == 2 * 2 * 180
    request_count = agents.upstream.asked
    await _assert_no_recordings_of_other_jobs(agents, paid_suite["id"])
    replayed = await run_suite(agents, skill="sum", model="recording")
    assert (replayed["pass_rate_pct"], replayed["label"]) == (50.0, "recording")
    simulated = await run_suite(agents, skill="sum", model="puras/rehearsal", case_ids=["case-2"])
    assert (simulated["total_runs"], simulated["label"]) == (1, "rehearsal")
    assert (replayed["total_cost_micros"], simulated["total_cost_micros"]) == (0, 0)
    assert agents.upstream.asked == request_count == 4
    assert (await agents.project.http.get("/v1/drive/files/published")).status_code == 404
    job_id = (await get(agents, f"/v1/evals/{paid_suite['id']}/cases"))[0]["job_id"]
    results = await agents.payloads(job_id, "tool_result")
    assert (results[0]["preview"], results[0]["mocked"]) == ('{"ok": true}', True)
    async with agents.instance.database.transaction() as session:
        assert await audit.check_ledger(session) == []


async def test_finished_job_becomes_eval_case_without_secrets(agents: Agents) -> None:
    await agents.project.pushed({**DOUBLE, **bundle()})
    await agents.project.http.put("/v1/secrets", json={"name": "TOKEN", "value": "31415926535"})
    other_id = await agents.submit(inputs={"topic": "the key 31415926535"})
    too_early = await post(agents, f"/v1/jobs/{other_id}/eval-case", {}, status=409)
    assert too_early["code"] == "not_finished"
    await post(agents, f"/v1/jobs/{other_id}/cancel", status=200)
    job_id = await agents.submit(skill="double", inputs={"n": 21})
    async with sandboxed_worker(agents, models_for(agents), capacity=4):
        await agents.wait_for_end(job_id)
    other = await post(agents, f"/v1/jobs/{other_id}/eval-case", {"id": "key", "expected": None})
    assert (other["source_job_id"], other["has_expected"], other["skill_name"]) == (other_id, False, "sum")
    assert "31415926535" not in str(other["inputs"])
    saved = await post(agents, f"/v1/jobs/{job_id}/eval-case", {"tags": ["live"]})
    name = f"job-{job_id[-8:]}"
    assert (saved["case_id"], saved["inputs"], saved["expected"]) == (name, {"n": 21}, {"n": 42})
    listed = await get(agents, f"{EVALS}/dataset?skill=double&limit=200")
    assert [one["case_id"] for one in listed][:2] == ["two", "case-2"]
    assert {one["case_id"]: one["saved_case_id"] for one in listed}[saved["case_id"]] == saved["id"]
    assert listed[0]["saved_case_id"] is None
    already_saved = await post(agents, f"/v1/jobs/{job_id}/eval-case", {}, status=409)
    assert already_saved["code"] == "case_id_taken"
    suite = await run_suite(agents, case_ids=[name, "two"])
    assert (suite["total_runs"], suite["pass_rate_pct"]) == (2, 100.0)
    assert (await agents.project.http.delete(f"/v1/eval-cases/{other['id']}")).status_code == 204
    assert [one["id"] for one in await get(agents, "/v1/eval-cases")] == [saved["id"]]
    case = {"id": "given", "expected": {"31415926535": ["is 31415926535"]}}
    assert "31415926535" not in str(await post(agents, f"/v1/jobs/{job_id}/eval-case", case))


async def test_invalid_suite_is_rejected_with_a_hint(agents: Agents) -> None:
    await agents.project.pushed({**DOUBLE, **bundle()})
    for body, code in (
        ({"skill": "sum"}, "no_graders"),
        ({"skill": "double", "case_ids": ["tow"]}, "cases_unknown"),
        ({"skill": "double", "model": "claude/haiku-4-5"}, "invalid"),
        ({"skill": "double", "repeat": 21}, "invalid"),
    ):
        rejected = await post(agents, EVALS, body, status=422)
        assert rejected["code"] == code, rejected
    assert (
        "'two'" in (await post(agents, EVALS, {"skill": "double", "case_ids": ["tow"]}, status=422))["detail"]
    )
    for path in (f"/v1/evals/{uuid4()}", f"{EVALS}/diff?skill=double"):
        missing = await agents.project.http.get(path)
        assert missing.status_code == 404
        assert "/v1/skillpacks/{skillpack}/evals" in missing.json()["detail"]
        assert "{{" not in missing.json()["detail"]


async def test_suite_waits_for_limits_and_continues(agents: Agents) -> None:
    await agents.project.pushed(DOUBLE)
    async with agents.instance.database.transaction() as session:
        params = {"id": agents.project.id}
        await session.execute(
            text("update admissions set concurrency_limit = 1 where project_id = :id"), params
        )
        await session.execute(
            text("update projects set limits = jsonb_build_object('queued_jobs', 1) where id = :id"), params
        )
    suite = await post(agents, EVALS, {"skill": "double"})
    assert len(await get(agents, "/v1/jobs?source=eval")) == 2
    assert "jobs of this project are queued" in suite["waiting_reason"]
    async with sandboxed_worker(agents, models_for(agents)):
        done = await suite_end(agents, suite["id"])
    assert (done["status"], done["completed_runs"], done["waiting_reason"]) == ("succeeded", 4, "")


async def test_blocked_suites_do_not_delay_other_projects(agents: Agents, served: Served) -> None:
    """Use one project with more blocked suites than a round processes, and another whose suite was created last."""
    await agents.project.pushed(DOUBLE)
    params = {"id": agents.project.id}
    async with agents.instance.database.transaction() as session:
        one_job = "update projects set limits = jsonb_build_object('queued_jobs', 1) where id = :id"
        await session.execute(text(one_job), params)
        await session.execute(
            text("update admissions set concurrency_limit = 1 where project_id = :id"), params
        )
    for _ in range(MAX_SUITES_PER_PROJECT + 1):
        await post(agents, EVALS, {"skill": "double"})
    made = Projects(served.app, served.instance.database, [])
    other = replace(agents, project=await made.make("Other"))
    async with agents.instance.database.transaction() as session:
        set_balance = text("update wallets set balance_micros = :micros where project_id = :id")
        await session.execute(set_balance, {**params, "micros": 0})
        await session.execute(set_balance, {"id": other.project.id, "micros": 1_000_000})
    await other.project.pushed(DOUBLE)
    suite = await post(other, EVALS, {"skill": "double"})
    async with sandboxed_worker(other, models_for(other), capacity=4):
        done = await suite_end(other, suite["id"])
    assert (done["status"], done["completed_runs"]) == ("succeeded", 4)
    assert not any(one["finished_at"] for one in await get(agents, f"{EVALS}?limit=200"))
    for client in made.clients:
        await client.aclose()


async def test_suite_needs_money_and_ends_with_its_key_or_cancellation(
    agents: Agents,
) -> None:
    await agents.project.pushed(DOUBLE)
    request = {"skill": "double", "repeat": 7, "case_ids": ["two", "case-2", "case-3"]}
    cancelled = await post(agents, EVALS, request)
    # The window of the suite is 20; 21 jobs would exceed it.
    assert len(await get(agents, "/v1/jobs?source=eval&limit=50")) == 20
    cancelled = await post(agents, f"/v1/evals/{cancelled['id']}/cancel", status=200)
    assert (cancelled["status"], cancelled["gate_passed"]) == ("cancelled", None)
    repeated = await post(agents, f"/v1/evals/{cancelled['id']}/cancel", status=200)
    assert repeated["finished_at"] == cancelled["finished_at"]
    jobs = await get(agents, "/v1/jobs?source=eval&limit=50")
    assert {job["status"] for job in jobs} == {"cancelled"}

    other = await post(agents, "/v1/api-keys", {"name": "for suites"})
    response = await agents.project.http.post(
        EVALS, json=request, headers={"Authorization": f"Bearer {other['key']}"}
    )
    assert response.status_code == 201, response.text
    assert (await agents.project.http.delete(f"/v1/api-keys/{other['id']}")).status_code < 300
    async with sandboxed_worker(agents, models_for(agents), capacity=4):
        done = await suite_end(agents, response.json()["id"])
    assert (done["status"], "revoked" in done["error"]) == ("failed", True)

    async with agents.instance.database.transaction() as session:
        await session.execute(
            text("update wallets set balance_micros = 0 where project_id = :id"), {"id": agents.project.id}
        )
    await agents.project.pushed({**DOUBLE, "skills/double/skill.yaml": SKILL + b"limits: {cost_usd: 0.5}\n"})
    assert (await post(agents, EVALS, request, status=402))["code"] == "wallet_empty"
    assert len(await get(agents, EVALS)) == 2


async def test_suites_and_cases_of_another_project_are_not_found(agents: Agents, served: Served) -> None:
    await agents.project.pushed(DOUBLE)
    suite = await post(agents, EVALS, {"skill": "double"})
    made = Projects(served.app, served.instance.database, [])
    other_project = (await made.make("Other")).http
    for path in ("", "/cases"):
        assert (await other_project.get(f"/v1/evals/{suite['id']}{path}")).status_code == 404
    for path in (f"/v1/evals/{suite['id']}/cancel", f"/v1/evals/{suite['id']}/baseline"):
        assert (await other_project.post(path)).status_code == 404
    job_id = (await get(agents, "/v1/jobs?source=eval"))[0]["id"]
    assert (await other_project.post(f"/v1/jobs/{job_id}/eval-case")).status_code == 404
    assert (await other_project.get("/v1/eval-cases")).json() == []
    for client in made.clients:
        await client.aclose()
