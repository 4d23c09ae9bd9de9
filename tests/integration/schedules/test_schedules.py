"""Schedules over REST: managed, and dispatched exactly once by any number of workers, without lost runs."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from backend.administration.retention import sweep
from backend.administration.retention.rules import Rules
from backend.core.clock import now
from backend.execution.schedules import dispatcher
from backend.execution.schedules.dispatcher import periodic_task
from backend.execution.schedules.service import MAX_SCHEDULES
from backend.identity.api_keys import keys
from tests.integration.auth.conftest import browse
from tests.integration.deployments.conftest import BUNDLE, SKILL, Projects
from tests.integration.schedules.conftest import HOUR, NINE, TERMS, Timetable

SECOND = timedelta(seconds=1)
PRICED = {**BUNDLE, "skills/double/skill.yaml": SKILL + b"limits: {cost_usd: 0.5}\n"}


async def test_due_schedule_submits_a_job_of_the_active_version(times: Timetable) -> None:
    schedule = await times.make(metadata={"for": "accounting"}, limits={"timeout_s": 5})
    assert await times.dispatch(NINE - SECOND) == 0
    assert await times.dispatch(NINE) == 1
    (job,) = await times.jobs()
    assert (job["source"], job["inputs"], job["deployment_version"]) == ("schedule", {"n": 2}, 1)
    assert job["metadata"] == {
        "for": "accounting",
        "schedule_id": schedule["id"],
        "schedule_due_at": NINE.isoformat(),
    }
    assert (job["submitted_by"], job["limits"]) == ("schedule:Hourly", {"timeout_s": 5.0})
    (run,) = await times.runs(schedule)
    assert (run["outcome"], run["job_id"], run["job_status"], run["is_manual"]) == (
        "submitted",
        job["id"],
        "queued",
        False,
    )
    await times.end()
    await times.project.pushed(BUNDLE)
    await times.dispatch(NINE + HOUR)
    assert [job["deployment_version"] for job in await times.jobs()] == [1, 2]
    read = await times.read(schedule)
    assert [run["job_status"] for run in read["last_runs"]] == ["queued", "succeeded"]
    assert datetime.fromisoformat(read["next_at"]) == NINE + 2 * HOUR


async def test_pinned_version_is_used(times: Timetable) -> None:
    await times.make(version=1)
    await times.project.pushed(BUNDLE)
    await times.dispatch(NINE)
    assert [job["deployment_version"] for job in await times.jobs()] == [1]


async def test_concurrent_workers_submit_one_job_per_scheduled_time(times: Timetable) -> None:
    schedules = [await times.make(name=f"S{number}", overlap="allow") for number in range(4)]
    for hour in range(3):
        await asyncio.gather(*(times.dispatch(NINE + hour * HOUR) for _ in range(5)))
    for schedule in schedules:
        assert await times.outcomes(schedule) == ["submitted"] * 3
    assert len(await times.jobs()) == 12


async def test_scheduled_time_is_used_once_after_a_lost_transaction(
    times: Timetable,
) -> None:
    schedule = await times.make(overlap="queue")
    await times.dispatch(NINE)
    await times.set_next_time(schedule["id"], NINE)
    await times.dispatch(NINE)
    assert await times.outcomes(schedule) == ["submitted"]
    assert len(await times.jobs()) == 1
    assert datetime.fromisoformat((await times.read(schedule))["next_at"]) == NINE + HOUR


async def test_workers_dispatch_schedules(times: Timetable) -> None:
    schedule = await times.make()
    await times.set_next_time(schedule["id"], now() - SECOND)
    keeping = [asyncio.create_task(periodic_task(times.database, TERMS).repeat()) for _ in range(2)]
    async with asyncio.timeout(20):
        while not await times.jobs():  # noqa: ASYNC110 - only REST shows it
            await asyncio.sleep(0.05)
    for one in keeping:
        one.cancel()
    await asyncio.gather(*keeping, return_exceptions=True)
    assert len(await times.jobs()) == 1


async def test_overlap_policies_skip_allow_and_cancel_previous(times: Timetable) -> None:
    skips, allows, restarts = [
        await times.make(name=overlap, overlap=overlap) for overlap in ("skip", "allow", "cancel_previous")
    ]
    for hour in range(2):
        await times.dispatch(NINE + hour * HOUR)
    first, second = await times.runs(skips)
    assert (first["outcome"], second["outcome"], second["code"]) == ("submitted", "skipped", "overlap")
    assert first["job_id"] in second["reason"]
    assert [run["job_status"] for run in await times.runs(allows)] == ["queued", "queued"]
    assert [run["job_status"] for run in await times.runs(restarts)] == ["cancelled", "queued"]
    cancelled = (await times.runs(restarts))[0]["job_id"]
    job = (await times.project.http.get(f"/v1/jobs/{cancelled}")).json()
    assert job["error"] == "Cancelled by the next run of the schedule 'cancel_previous'."
    await times.end(4)
    await times.dispatch(NINE + 2 * HOUR)
    assert await times.outcomes(skips) == ["submitted", "skipped", "submitted"]


async def test_queued_runs_are_submitted_in_sequence(
    times: Timetable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "MAX_QUEUED_RUNS", 3)
    schedule = await times.make(overlap="queue")
    for hour in range(5):
        await asyncio.gather(*(times.dispatch(NINE + hour * HOUR) for _ in range(3)))
    assert await times.outcomes(schedule) == ["submitted", *["queued"] * 3, "skipped"]
    first, second, third, _, over = await times.runs(schedule)
    assert first["job_id"] in second["reason"]
    assert "1 runs are queued before it." in third["reason"]
    assert (over["code"], second["job_id"]) == ("queue_full", None)
    for done in (1, 2):
        assert len(await times.jobs()) == done
        await times.end()
        await asyncio.gather(*(times.dispatch(NINE + 4 * HOUR) for _ in range(3)))
    jobs = await times.jobs()
    assert [job["status"] for job in jobs] == ["succeeded", "succeeded", "queued"]
    due = [(NINE + hour * HOUR).isoformat() for hour in range(3)]
    assert [job["metadata"]["schedule_due_at"] for job in jobs] == due
    assert await times.outcomes(schedule) == [*["submitted"] * 3, "queued", "skipped"]
    off = await times.project.http.patch(f"/v1/schedules/{schedule['id']}", json={"enabled": False})
    assert off.status_code == 200, off.text
    await times.dispatch(NINE + 4 * HOUR)
    assert [(run["outcome"], run["code"]) for run in await times.runs(schedule)][3] == (
        "skipped",
        "schedule_off",
    )
    await times.end()
    await times.dispatch(NINE + 4 * HOUR)
    assert len(await times.jobs()) == 3


async def test_missed_runs_are_recorded_and_replaced_on_request(
    times: Timetable,
) -> None:
    hook = {"url": "https://example.org/", "events": ["schedule.failed"]}
    created = (await times.project.http.post("/v1/webhooks", json=hook)).json()
    skips = await times.make(name="skips")
    catches_up = await times.make(name="replaces the missed runs", missed="run_once", catch_up_s=7200)
    back = NINE + 3 * HOUR + timedelta(minutes=10)
    await times.dispatch(back)
    (missed,) = await times.runs(skips)
    assert (missed["outcome"], missed["job_id"]) == ("missed", None)
    assert NINE.isoformat() in missed["reason"]
    (run,) = await times.runs(catches_up)
    assert (run["outcome"], datetime.fromisoformat(run["due_at"])) == ("submitted", NINE + 3 * HOUR)
    assert run["reason"] == f"It replaces the missed runs since {NINE.isoformat()}."
    events = await _sent_events(times, created)
    assert [(one["data"]["name"], one["data"]["outcome"]) for one in events] == [("skips", "missed")]
    assert len(await times.jobs()) == 1


async def _sent_events(times: Timetable, hook: Any) -> list[Any]:
    response = await times.project.http.get(f"/v1/webhooks/{hook['id']}/deliveries")
    return [json.loads(one["body"]) for one in reversed(response.json())]


async def test_rejected_run_is_recorded_reported_and_followed_by_the_next(
    times: Timetable,
) -> None:
    hook = {"url": "https://example.org/", "events": ["schedule.failed"], "skills": ["double"]}
    created = (await times.project.http.post("/v1/webhooks", json=hook)).json()
    schedule = await times.make(overlap="queue")
    await times.project.pushed(PRICED)
    async with times.database.transaction() as session:
        await session.execute(text("update wallets set balance_micros = 0"))
    await times.dispatch(NINE)
    async with times.database.transaction() as session:
        await session.execute(text("update wallets set balance_micros = 10000000"))
    budget = {"name": "None", "window": "total", "limit_usd": 0.000001}
    one = (await times.project.http.post("/v1/budgets", json=budget)).json()
    async with times.database.transaction() as session:
        await session.execute(text("update budgets set limit_micros = 1"))
        await session.execute(
            text(
                "insert into daily_spending (project_id, day, skillpack_id, skill_name, api_key_id, spent_micros,"
                " forgiven_micros) select project_id, current_date, id, 'double', id, 10, 0 from skillpacks"
            )
        )
    await times.dispatch(NINE + HOUR)
    await times.project.http.delete(f"/v1/budgets/{one['id']}")
    await times.project.pushed({name.replace("double", "other"): content for name, content in BUNDLE.items()})
    await times.dispatch(NINE + 2 * HOUR)
    await times.project.pushed(BUNDLE)
    await times.dispatch(NINE + 3 * HOUR)
    runs = await times.runs(schedule)
    assert [run["outcome"] for run in runs] == ["refused", "refused", "refused", "submitted"]
    assert [run["code"] for run in runs[:3]] == ["wallet_empty", "budget_reached", "skill_not_found"]
    assert "wallet is empty" in runs[0]["reason"]
    events = [one["data"] for one in await _sent_events(times, created)]
    assert [one["code"] for one in events] == [run["code"] for run in runs[:3]]
    assert [one["reason"] for one in events] == [run["reason"] for run in runs[:3]]
    assert events[0]["schedule_id"] == schedule["id"]


async def test_failing_schedule_does_not_delay_the_others(times: Timetable) -> None:
    broken, well = await times.make(name="broken"), await times.make(name="well")
    async with times.database.transaction() as session:
        query = text('update schedules set limits = \'{"timeout_s": "never"}\' where id = :id')
        await session.execute(query, {"id": broken["id"]})
    await times.dispatch(NINE)
    assert await times.outcomes(well) == ["submitted"]
    assert await times.outcomes(broken) == []


async def test_schedule_can_be_run_manually_between_its_times(times: Timetable) -> None:
    schedule = await times.make(enabled=False)
    url = f"/v1/schedules/{schedule['id']}/run"
    headers = {"Idempotency-Key": "now"}
    first, again = [await times.project.http.post(url, headers=headers) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, again.json())
    assert (first.json()["is_manual"], first.json()["job_status"]) == (True, "queued")
    (job,) = await times.jobs()
    assert (job["id"], job["metadata"]["schedule_id"]) == (first.json()["job_id"], schedule["id"])
    await times.project.pushed(PRICED)
    async with times.database.transaction() as session:
        await session.execute(text("update wallets set balance_micros = 0"))
    rejected = await times.project.http.post(url)
    assert (rejected.status_code, rejected.json()["code"]) == (402, "wallet_empty")
    assert len(await times.runs(schedule)) == 1


async def test_next_times_are_shown_before_and_after_creation(times: Timetable) -> None:
    query = {"cron": "30 2 * * *", "time_zone": "Europe/Berlin", "count": "3"}
    preview = (await times.project.http.get("/v1/schedules/preview", params=query)).json()
    assert len(preview["next_runs"]) == 3
    assert {one["local"][11:16] for one in preview["next_runs"]} <= {"02:30", "03:00"}
    schedule = await times.make(cron="30 2 * * *", time_zone="Europe/Berlin")
    assert [one["at"] for one in schedule["next_runs"]][:3] == [one["at"] for one in preview["next_runs"]]
    assert len(schedule["next_runs"]) == 5
    for wrong, field in (({"cron": "61 * * * *"}, "cron"), ({"time_zone": "Mars/Base"}, "time_zone")):
        rejected = await times.project.http.get("/v1/schedules/preview", params={**query, **wrong})
        assert (rejected.status_code, rejected.json()["errors"][0]["path"]) == (422, field)


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"cron": "* * *"}, 422, "bad_cron"),
        ({"time_zone": "Europe/Berln"}, 422, "bad_cron"),
        ({"inputs": {"n": "two"}}, 422, "invalid"),
        ({"inputs": {}}, 422, "invalid"),
        ({"skill": "triple"}, 404, "skill_not_found"),
        ({"version": 7}, 404, "deployment_not_found"),
        ({"name": "Taken"}, 409, "schedule_name_taken"),
        ({"metadata": {"a": "x" * 20_000}}, 422, "invalid"),
        ({"catch_up_s": 1}, 422, "invalid"),
        ({"overlap": "both"}, 422, "invalid"),
    ],
)
async def test_invalid_schedule_is_rejected_on_creation(
    times: Timetable, wrong: dict[str, Any], status: int, code: str
) -> None:
    await times.make(name="Taken")
    body = {"name": "New", "skill": "double", "inputs": {"n": 2}, "cron": "@daily", **wrong}
    rejected = await times.project.http.post("/v1/schedules", json=body)
    assert (rejected.status_code, rejected.json()["code"]) == (status, code), rejected.text


async def test_schedule_is_updated_disabled_enabled_and_deleted(times: Timetable) -> None:
    schedule = await times.make()
    one = f"/v1/schedules/{schedule['id']}"
    http = times.project.http
    off = (await http.patch(one, json={"enabled": False})).json()
    assert (off["enabled"], off["next_at"]) == (False, None)
    assert (await times.read(schedule))["next_runs"] == []
    assert await times.dispatch(NINE + HOUR) == 0
    on = (await http.patch(one, json={"enabled": True, "cron": "@yearly", "version": 1})).json()
    assert datetime.fromisoformat(on["next_at"]) > now(), "times in between do not count as missed"
    assert (on["cron"], on["version"]) == ("@yearly", 1)
    assert (await http.patch(one, json={"version": None})).json()["version"] is None
    for wrong in ({"inputs": {"n": "x"}}, {"cron": "x"}, {"version": 9}, {"skill": "other"}):
        assert (await http.patch(one, json=wrong)).status_code in (404, 422)
    assert (await times.read(schedule))["inputs"] == {"n": 2}
    assert (await http.delete(one)).status_code == 204
    assert (await http.get(one)).status_code == 404
    actions = [action["action"] for action in (await http.get("/v1/audit?action=schedule")).json()]
    assert actions == ["schedule.deleted"] + ["schedule.changed"] * 3 + ["schedule.created"]


async def test_schedules_are_private_to_a_project_and_limited_in_number(
    times: Timetable, make_project: Projects
) -> None:
    schedule = await times.make()
    other_project, visitor = await make_project.make("Other"), await make_project.make("Pub", "publishable")
    one = f"/v1/schedules/{schedule['id']}"
    for path in (one, f"{one}/runs"):
        assert (await other_project.http.get(path)).status_code == 404
        assert (await visitor.http.get(path)).status_code == 403
    assert (await other_project.http.post(f"{one}/run")).status_code == 404
    assert (await other_project.http.delete(one)).status_code == 404
    assert (await other_project.http.get("/v1/schedules")).json() == []
    assert (await times.project.http.get(f"/v1/schedules/{uuid4()}")).json()["code"] == "schedule_not_found"
    async with times.database.transaction() as session:
        await session.execute(
            text("""
            insert into schedules
            select gen_random_uuid(), project_id, 'n' || n, skillpack_id, skill_name, version, inputs, limits, metadata,
                   cron, time_zone, overlap, missed, catch_up_s, enabled, next_at, created_by, created_at, updated_at
            from schedules, generate_series(2, :most) n
            """),
            {"most": MAX_SCHEDULES},
        )
    body = {"name": "more", "skill": "double", "inputs": {"n": 2}, "cron": "@daily"}
    rejected = await times.project.http.post("/v1/schedules", json=body)
    assert (rejected.status_code, rejected.json()["code"]) == (409, "too_many_schedules")


async def test_restricted_key_cannot_create_a_schedule_beyond_its_limits(times: Timetable) -> None:
    schedule = await times.make()
    new = {"name": "x", "skill": "double", "inputs": {"n": 2}, "cron": "@daily"}
    scopes = ("schedules:write", "jobs:submit")
    for limits in (
        keys.Limits(scopes, daily_cap_micros=10),
        keys.Limits(scopes, skill_allowlist=("double",)),
        keys.Limits(scopes, expires_at=now() + timedelta(days=1)),
    ):
        async with times.database.transaction() as session:
            created = await keys.create(
                session, times.project.principal, project_id=times.project.id, limits=limits
            )
        async with browse(times.project.http._transport.app) as client:  # type: ignore[attr-defined]
            client.headers["Authorization"] = f"Bearer {created.plaintext}"
            for path, body in (("", new), (f"/{schedule['id']}/run", None)):
                rejected = await client.post(f"/v1/schedules{path}", json=body)
                assert (rejected.status_code, rejected.json()["code"]) == (403, "restricted_key")


async def test_schedule_records_changes_by_an_external_agent(times: Timetable) -> None:
    http, agent = times.project.http, {"User-Agent": "puras-mcp/1"}
    body = {"skill": "double", "inputs": {"n": 2}, "cron": "0 * * * *"}
    by_agent = await http.post("/v1/schedules", json={"name": "a", **body}, headers=agent)
    changed, own, run_by_hand = [await times.make(name=name, overlap="allow") for name in ("b", "c", "d")]
    response = await http.patch(f"/v1/schedules/{changed['id']}", json={"inputs": {"n": 3}}, headers=agent)
    assert response.status_code == 200
    # A later change by a user does not clear the mark of the agent.
    for one in (by_agent.json(), own):
        again = await http.patch(f"/v1/schedules/{one['id']}", json={"inputs": {"n": 4}})
        assert again.status_code == 200
        await times.set_next_time(one["id"], NINE)
    run = await http.post(f"/v1/schedules/{run_by_hand['id']}/run", headers=agent)
    assert run.status_code == 201
    await times.dispatch(NINE)

    query = text(
        "select s.name, r.by_hand, j.started_by_agent from schedule_runs r join jobs j on j.id = r.job_id"
        " join schedules s on s.id = r.schedule_id order by s.name, r.by_hand"
    )
    async with times.database.read_session() as session:
        rows = [tuple(row) for row in (await session.execute(query)).all()]
    assert rows == [
        ("a", False, True),
        ("b", False, True),
        ("c", False, False),
        ("d", False, False),
        ("d", True, True),
    ]


async def test_schedules_of_a_deleted_project_are_not_dispatched(times: Timetable) -> None:
    await times.make()
    async with times.database.transaction() as session:
        await session.execute(text("update projects set deleted_at = now()"))
    assert await times.dispatch(NINE) == 0


async def test_old_runs_are_deleted_and_runs_are_listed_in_pages(times: Timetable) -> None:
    schedule = await times.make(overlap="allow")
    for hour in range(3):
        await times.dispatch(NINE + hour * HOUR)
    url = f"/v1/schedules/{schedule['id']}/runs"
    first = await times.project.http.get(f"{url}?limit=2")
    second = await times.project.http.get(first.links["next"]["url"])
    assert [run["id"] for run in [*first.json(), *second.json()]] == [
        run["id"] for run in reversed(await times.runs(schedule))
    ]
    async with times.database.transaction() as session:
        await session.execute(
            text("update schedule_runs set created_at = now() - interval '40 days' where due_at < :then"),
            {"then": NINE + 2 * HOUR},
        )
    rules = Rules.of(times.instance.settings)
    assert not await sweep.sweep(times.database, rules, may_continue=lambda: True)
    assert len(await times.runs(schedule)) == 1
