"""Alert rules: their values, and the events when an alert is raised and when it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from backend.integrations.alerts.evaluation import evaluate_due
from tests.integration.ledger.money import call, ended, started
from tests.integration.webhooks.conftest import Hooks, hooks, instance, make_project, project, receiver

__all__ = ["hooks", "instance", "make_project", "project", "receiver"]

ERRORS = {"name": "Double fails", "metric": "error_rate", "threshold": 50, "min_jobs": 2}


async def rule(hooks: Hooks, **fields: Any) -> Any:
    response = await hooks.project.http.post("/v1/alerts", json=fields)
    assert response.status_code == 201, response.text
    return response.json()


async def evaluated(hooks: Hooks, alert: Any) -> Any:
    """Make all rules due, evaluate them, and return one of them."""
    async with hooks.database.transaction() as session:
        await session.execute(text("update alert_rules set next_at = now()"))
    assert await evaluate_due(hooks.database) > 0
    return (await hooks.project.http.get(f"/v1/alerts/{alert['id']}")).json()


async def end_jobs(hooks: Hooks, *statuses: str) -> None:
    for status in statuses:
        await hooks.job(status)


async def test_alert_is_raised_once_and_ends_once(hooks: Hooks) -> None:
    hook = await hooks.make(events=["alert.raised", "alert.resolved"])
    alert = await rule(hooks, **ERRORS, skill="double")
    await end_jobs(hooks, "failed")
    few = await evaluated(hooks, alert)
    assert (few["state"], few["value"], few["jobs"]) == ("ok", None, 1)
    await end_jobs(hooks, "succeeded")
    for _ in range(2):
        raised = await evaluated(hooks, alert)
        assert (raised["state"], raised["value"], raised["jobs"]) == ("raised", 50.0, 2)
    await end_jobs(hooks, "succeeded")
    ended_alert = await evaluated(hooks, alert)
    assert ended_alert["state"] == "ok"
    assert ended_alert["value"] == pytest.approx(100 / 3)
    sent = [json.loads(one["body"]) for one in reversed(await hooks.deliveries(hook))]
    assert [one["type"] for one in sent] == ["alert.raised", "alert.resolved"]
    assert sent[0]["data"] == {
        "alert_id": alert["id"],
        "project_id": str(hooks.project.id),
        "name": "Double fails",
        "metric": "error_rate",
        "skill": "double",
        "environment": None,
        "threshold": 50.0,
        "window_minutes": 60,
        "value": 50.0,
        "jobs": 2,
    }
    entries = (await hooks.project.http.get("/v1/audit")).json()
    assert [one["action"] for one in entries if one["actor"] == "system"] == [
        "alert.resolved",
        "alert.raised",
    ]


@pytest.mark.parametrize("limit", [{"skill": "other"}, {"environment": "staging"}])
async def test_jobs_of_other_skills_and_environments_do_not_count(
    hooks: Hooks, limit: dict[str, str]
) -> None:
    alert = await rule(hooks, **ERRORS, **limit)
    await end_jobs(hooks, "failed", "failed")
    found = await evaluated(hooks, alert)
    assert (found["state"], found["jobs"]) == ("ok", 0)


async def test_jobs_before_the_window_and_eval_runs_do_not_count(hooks: Hooks) -> None:
    alert = await rule(hooks, **ERRORS, window_minutes=5)
    await end_jobs(hooks, "failed", "failed", "failed", "failed")
    async with hooks.database.transaction() as session:
        await session.execute(
            text("""
            with old as (select id, row_number() over (order by id) as place from jobs)
            update jobs set source = case place when 1 then 'eval' else source end,
                            finished_at = case place when 2 then now() - interval '6 minutes' else finished_at end
            from old where old.id = jobs.id
            """)
        )
    assert (await evaluated(hooks, alert))["jobs"] == 2


async def test_latency_spend_and_waiting_time_are_measured(hooks: Hooks) -> None:
    latency = await rule(hooks, name="Slow", metric="latency_p95", threshold=60, min_jobs=1)
    spend = await rule(hooks, name="Spend", metric="spend", threshold=0.0008)
    age = await rule(hooks, name="Queue", metric="queue_age", threshold=30)
    await hooks.project.http.post("/v1/jobs", json={"skill": "double", "inputs": {"n": 1}})
    async with hooks.database.transaction() as session:
        await session.execute(text("update jobs set cap_micros = 5000 where status = 'queued'"))
    (claimed,) = await started(hooks.database)
    assert await ended(hooks.database, claimed, "succeeded", [call(800)])
    waiting = await hooks.project.http.post("/v1/jobs", json={"skill": "double", "inputs": {"n": 1}})
    async with hooks.database.transaction() as session:
        await session.execute(text("update jobs set first_started_at = finished_at - interval '90 seconds'"))
        await session.execute(text("update job_queue set submitted_at = now() - interval '45 seconds'"))
    found = {one["name"]: await evaluated(hooks, one) for one in (latency, spend, age)}
    assert {name: one["state"] for name, one in found.items()} == dict.fromkeys(found, "raised")
    assert found["Slow"]["value"] == pytest.approx(90)
    assert found["Spend"]["value"] == pytest.approx(0.0008)
    assert found["Queue"]["value"] == pytest.approx(45, abs=15)
    await hooks.project.http.post(f"/v1/jobs/{waiting.json()['id']}/cancel")
    assert (await evaluated(hooks, age))["state"] == "ok"


async def test_new_errors_raise_an_alert_until_the_window_has_passed(hooks: Hooks) -> None:
    alert = await rule(hooks, name="New", metric="new_errors", threshold=1, window_minutes=5, skill="double")
    await end_jobs(hooks, "succeeded")
    assert (await evaluated(hooks, alert))["state"] == "ok"
    await end_jobs(hooks, "failed", "failed")
    raised = await evaluated(hooks, alert)
    assert (raised["state"], raised["value"], raised["jobs"]) == ("raised", 1.0, 2)
    async with hooks.database.transaction() as session:
        await session.execute(
            text("update failure_clusters set first_seen_at = now() - interval '6 minutes'")
        )
    await end_jobs(hooks, "failed")  # it is known
    assert (await evaluated(hooks, alert))["state"] == "ok"


async def test_ignored_errors_raise_no_alert_and_returned_ones_do(hooks: Hooks) -> None:
    alert = await rule(hooks, name="New", metric="new_errors", threshold=1, window_minutes=5)
    await end_jobs(hooks, "failed")
    assert (await evaluated(hooks, alert))["state"] == "raised"
    http = hooks.project.http
    (cluster,) = (await http.get("/v1/job-failures")).json()["clusters"]
    path = f"/v1/job-failures/{cluster['error_signature']}"
    for action in ("ignore", "resolve"):
        assert (await http.post(f"{path}/{action}")).status_code == 200
        assert (await evaluated(hooks, alert))["state"] == "ok", action
        await http.post(f"{path}/reopen")
        assert (await evaluated(hooks, alert))["state"] == "raised", action
    async with hooks.database.transaction() as session:
        await session.execute(text("update failure_clusters set first_seen_at = now() - interval '1 day'"))
    assert (await evaluated(hooks, alert))["state"] == "ok"  # it is known
    for action, body in (("resolve", {}), ("ignore", {"jobs": 1})):
        await http.post(f"{path}/{action}", json=body)
        assert (await evaluated(hooks, alert))["state"] == "ok", action
        await end_jobs(hooks, "failed")
        returned = await evaluated(hooks, alert)
        assert (returned["state"], returned["value"], returned["jobs"] > 0) == ("raised", 1.0, True), action


async def test_rule_is_changed_switched_off_and_deleted(hooks: Hooks) -> None:
    http = hooks.project.http
    hook = await hooks.make(events=["alert.raised", "alert.resolved"])
    alert = await rule(hooks, **ERRORS)
    await end_jobs(hooks, "failed", "failed")
    assert (await evaluated(hooks, alert))["state"] == "raised"
    path = f"/v1/alerts/{alert['id']}"
    off = (await http.patch(path, json={"enabled": False})).json()
    assert (off["state"], off["value"]) == ("ok", None)
    async with hooks.database.transaction() as session:
        await session.execute(text("update alert_rules set next_at = now()"))
    assert await evaluate_due(hooks.database) == 0
    changed = (await http.patch(path, json={"enabled": True, "skill": "other", "threshold": 10})).json()
    assert (changed["skill"], changed["threshold"]) == ("other", 10)
    assert (await evaluated(hooks, alert))["state"] == "ok"
    assert (await http.patch(path, json={"skill": None})).json()["skill"] is None
    assert (await evaluated(hooks, alert))["state"] == "raised"
    assert len(await hooks.deliveries(hook)) == 2
    assert (await http.delete(path)).status_code == 204
    assert (await http.get(path)).json()["code"] == "alert_not_found"
    assert (await http.get("/v1/alerts")).json() == []


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"metric": "errors"}, "metric"),
        ({"threshold": 0}, "threshold"),
        ({"threshold": "much"}, "threshold"),
        ({"window_minutes": 1}, "window_minutes"),
        ({"window_minutes": 100_000}, "window_minutes"),
        ({"min_jobs": 0}, "min_jobs"),
        ({"name": ""}, "name"),
        ({"environment": "test"}, "environment"),
        ({"skills": ["x"]}, "skills"),
    ],
)
async def test_wrong_rule_is_rejected(hooks: Hooks, fields: dict[str, Any], path: str) -> None:
    response = await hooks.project.http.post("/v1/alerts", json=ERRORS | fields)
    assert response.status_code == 422
    assert [one["path"] for one in response.json()["errors"]] == [path]


async def test_project_has_a_maximum_of_rules(hooks: Hooks) -> None:
    for _ in range(50):
        await rule(hooks, **ERRORS)
    response = await hooks.project.http.post("/v1/alerts", json=ERRORS)
    assert (response.status_code, response.json()["code"]) == (409, "too_many_alerts")
