"""Failed jobs in clusters: counts, periods, filters, tenancy and the list of the jobs of a cluster."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text

from backend.administration.retention import rows
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish, is_one_statement
from backend.identity.api_keys import keys
from tests.factories.errors import error_of
from tests.factories.tenants import Tenant, make_job, make_skill, make_tenant
from tests.integration.auth.conftest import client, world

__all__ = ["client", "world"]


_ACTIVATE = text("""
with made as (
  insert into deployments (id, project_id, skillpack_id, kind, version, sha256, size_bytes, manifest, warnings, notes,
                           created_by, created_at)
  select gen_random_uuid(), d.project_id, d.skillpack_id, 'version', :version, d.sha256, d.size_bytes, d.manifest,
         d.warnings, '', '', now()
  from deployments d where d.project_id = :project_id and d.version = 1
  on conflict (skillpack_id, version) do update set notes = '' returning id, skillpack_id
)
update skillpacks s set active_deployment_id = made.id from made where s.id = made.skillpack_id
""")


class Caller:
    """A project, and the requests with its key."""

    def __init__(self, database: Database, http: httpx.AsyncClient, tenant: Tenant, key: str) -> None:
        self.database, self.http, self.tenant = database, http, tenant
        self.headers = {"Authorization": f"Bearer {key}"}

    async def end(self, result: AttemptResult, skill: str = "echo") -> UUID:
        """Run a job that ends with this result."""
        async with self.database.transaction() as session:
            job_id = await make_job(session, self.tenant, skill)
        async with self.database.transaction() as session:
            (attempt,) = await claim(session, worker_id=uuid4(), lane="default", limit=1)
        unit = self.database.single if is_one_statement(attempt, result) else self.database.transaction
        async with unit() as session:
            assert await finish(session, attempt, result)
        return job_id

    async def fail(
        self, error: str, *, code: str = "exception", frame: str = "", skill: str = "echo"
    ) -> UUID:
        return await self.end(AttemptResult("failed", error=error, error_code=code, frame=frame), skill)

    async def decide(self, signature: str, action: str, status: int = 200, **body: Any) -> Any:
        """Resolve, ignore or reopen an error."""
        path = f"/v1/job-failures/{signature}/{action}"
        response = await self.http.post(path, json=body or None, headers=self.headers)
        assert response.status_code == status, response.text
        return response.json()

    async def signatures(self, state: str) -> list[str]:
        return [one["error_signature"] for one in (await self.read(state=state))["clusters"]]

    async def activate(self, version: int) -> None:
        """Make a version of the skillpack the active one, which further jobs run."""
        async with self.database.transaction() as session:
            values = {"version": version, "project_id": self.tenant.principal.project_id}
            await session.execute(_ACTIVATE, values)

    async def read(self, path: str = "/v1/job-failures", **query: Any) -> Any:
        response = await self.http.get(path, params=query, headers=self.headers)
        assert response.status_code == 200, response.text
        return response.json()


async def make_caller(database: Database, http: httpx.AsyncClient) -> Caller:
    async with database.transaction() as session:
        tenant = await make_tenant(session, make_skill("echo"), make_skill("other"))
        created = await keys.create(session, None, project_id=tenant.principal.project_id)
    return Caller(database, http, tenant, created.plaintext)


@pytest.fixture
async def caller(database: Database, client: httpx.AsyncClient) -> Caller:
    return await make_caller(database, client)


async def test_failures_with_the_same_reason_are_one_cluster(caller: Caller) -> None:
    same = [await caller.fail(f"KeyError: 'row {n}' of {uuid4()}", frame="main.py in run") for n in range(3)]
    elsewhere = await caller.fail("KeyError: 'x' of 1", frame="main.py in other")
    await caller.end(AttemptResult("succeeded", result={}))
    found = await caller.read()
    assert (found["failed"], found["ungrouped"], found["total_clusters"]) == (4, 0, 2)
    first = found["clusters"][0]
    assert (first["jobs"], first["share"], first["skill_name"]) == (3, 0.75, "echo")
    assert (first["error_code"], first["frame"]) == ("exception", "main.py in run")
    assert first["message"] == "KeyError: <value> of <id>"
    assert (first["first_version"], first["versions"], first["is_new"]) == (1, [1], True)
    assert first["environments"] == ["production"]
    assert first["example_job_id"] == str(same[-1])
    assert (sum(first["trend"]), first["trend"][-1]) == (3, 3)
    listed = await caller.read("/v1/jobs", error_signature=first["error_signature"])
    assert [one["id"] for one in listed] == [str(one) for one in reversed(same)]
    assert {one["error_signature"] for one in listed} == {first["error_signature"]}
    other = await caller.read(f"/v1/jobs/{elsewhere}")
    assert other["error_signature"] == found["clusters"][1]["error_signature"]


async def test_jobs_that_do_not_fail_have_no_signature(caller: Caller) -> None:
    ended = [
        await caller.end(AttemptResult("succeeded", result={})),
        await caller.end(AttemptResult("cancelled", error="Canceled.", error_code="cancelled")),
    ]
    for job_id in ended:
        assert (await caller.read(f"/v1/jobs/{job_id}"))["error_signature"] is None
    assert (await caller.read())["clusters"] == []


async def test_clusters_follow_the_period_and_the_filters(caller: Caller) -> None:
    old = await caller.fail("Broken.")
    await caller.fail("Broken.")
    await caller.fail("Broken.", skill="other")
    async with caller.database.transaction() as session:
        values = {"id": old, "at": now() - timedelta(days=20)}
        await session.execute(
            text("update jobs set created_at = :at, environment = 'staging' where id = :id"), values
        )
        await session.execute(
            text("update failure_clusters set first_seen_at = :at where skill_name = 'echo'"),
            {"at": values["at"]},
        )
    week = await caller.read(skill="echo")
    assert (week["failed"], week["clusters"][0]["jobs"], week["clusters"][0]["is_new"]) == (1, 1, False)
    since = (now() - timedelta(days=30)).isoformat()
    month = await caller.read(skill="echo", since=since)
    assert (month["failed"], month["clusters"][0]["is_new"]) == (2, True)
    assert (await caller.read(since=since, environment="staging"))["failed"] == 1
    assert (await caller.read(version=2))["failed"] == 0
    limited = await caller.read(limit=1)
    assert (len(limited["clusters"]), limited["total_clusters"]) == (1, 2)
    for query in (
        {"since": "2026-01-01T00:00:00"},
        {"since": (now() - timedelta(days=92)).isoformat()},
        {"until": since, "since": since},
        {"until": "0001-01-03T00:00:00Z"},
        {"since": "9999-12-30T00:00:00Z", "until": "9999-12-31T23:59:59-14:00"},
    ):
        rejected = await caller.http.get("/v1/job-failures", params=query, headers=caller.headers)
        assert rejected.status_code == 422, query


async def test_projects_do_not_see_each_others_clusters(
    caller: Caller, database: Database, client: httpx.AsyncClient
) -> None:
    await caller.fail("Broken.")
    other = await make_caller(database, client)
    assert (await other.read())["failed"] == 0
    signature = (await caller.read())["clusters"][0]["error_signature"]
    assert await other.read("/v1/jobs", error_signature=signature) == []
    await other.fail("Broken.")
    mine, theirs = await caller.read(), await other.read()
    assert mine["clusters"][0]["error_signature"] == theirs["clusters"][0]["error_signature"]
    assert (mine["clusters"][0]["jobs"], theirs["clusters"][0]["jobs"]) == (1, 1)


async def test_publishable_keys_cannot_read_failures(caller: Caller, database: Database) -> None:
    async with database.transaction() as session:
        project_id = caller.tenant.principal.project_id
        created = await keys.create(session, None, project_id=project_id, kind="publishable")
    headers = {"Authorization": f"Bearer {created.plaintext}"}
    response = await caller.http.get("/v1/job-failures", headers=headers)
    assert (response.status_code, error_of(response)["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    "error",
    ["<script>alert(1)</script>", "x" * 100_000, "\x00\ud800 \u202e", "'; drop table jobs; --", ""],
    ids=["script", "long", "characters", "sql", "empty"],
)
async def test_hostile_messages_are_grouped(caller: Caller, error: str) -> None:
    job_id = await caller.end(
        AttemptResult("failed", error=error.replace("\x00", "").replace("\ud800", ""), error_code="exception")
    )
    found = await caller.read()
    assert found["clusters"][0]["example_job_id"] == str(job_id)
    assert len(found["clusters"][0]["message"]) <= 300


async def test_clusters_without_jobs_expire(caller: Caller) -> None:
    gone, stays = await caller.fail("Gone."), await caller.fail("Stays.")
    async with caller.database.transaction() as session:
        await session.execute(text("update failure_clusters set first_seen_at = now() - interval '99 days'"))
        await session.execute(text("delete from jobs where id = :id"), {"id": gone})
        before = now() - timedelta(days=30)
        assert await rows.count(session, rows.FAILURE_CLUSTERS, before) == 1
        assert await rows.remove(session, rows.FAILURE_CLUSTERS, before) == 1
    assert [one["example_job_id"] for one in (await caller.read())["clusters"]] == [str(stays)]


async def test_concurrent_failures_of_a_new_error_are_stored_once(caller: Caller) -> None:
    async with caller.database.transaction() as session:
        for _ in range(2):
            await make_job(session, caller.tenant)
    async with caller.database.transaction() as session:
        first, second = await claim(session, worker_id=uuid4(), lane="default", limit=2)
    result = AttemptResult("failed", error="Broken.", error_code="exception")
    for attempt in (first, second):
        async with caller.database.transaction() as session:
            assert await finish(session, attempt, result)
    found = await caller.read()
    assert (found["total_clusters"], found["clusters"][0]["jobs"]) == (1, 2)


async def test_resolved_error_is_open_again_when_it_occurs_in_a_version_with_the_fix(caller: Caller) -> None:
    await caller.fail("Broken.")
    await caller.fail("Other.")
    (signature,) = [
        one for one in await caller.signatures("open") if (await _error(caller, one)) == "Broken."
    ]
    resolved = await caller.decide(signature, "resolve", note="Fixed", fixed_in="next")
    assert (resolved["state"], resolved["note"], resolved["fixed_in_version"]) == ("resolved", "Fixed", 2)
    assert resolved["state_changed_by"].startswith("key:")
    found = await caller.read()
    assert (found["failed"], found["open"], found["resolved"], found["total_clusters"]) == (2, 1, 1, 1)
    assert await caller.signatures("resolved") == [signature]
    assert len(await caller.signatures("all")) == 2

    await caller.fail("Broken.")  # in version 1, which does not have the fix
    assert (await caller.read(f"/v1/job-failures/{signature}"))["state"] == "resolved"
    await caller.activate(2)
    returned = await caller.fail("Broken.")
    again = await caller.read(f"/v1/job-failures/{signature}")
    assert (again["state"], again["is_regressed"], again["note"]) == ("open", True, "Fixed")
    assert again["returned_at"] == (await caller.read(f"/v1/jobs/{returned}"))["finished_at"]
    assert len(await caller.signatures("open")) == 2

    resolved = await caller.decide(signature, "resolve")
    assert (resolved["state"], resolved["fixed_in_version"], resolved["is_regressed"]) == (
        "resolved",
        2,
        False,
    )
    await caller.activate(1)
    await caller.fail("Broken.")
    assert await caller.signatures("resolved") == [signature]
    await caller.activate(2)
    await caller.fail("Broken.")
    assert (await caller.read(f"/v1/job-failures/{signature}"))["is_regressed"]
    reopened = await caller.decide(signature, "reopen")
    assert (reopened["state"], reopened["is_regressed"], reopened["note"]) == ("open", False, "")


async def test_jobs_that_were_submitted_before_the_decision_do_not_count(caller: Caller) -> None:
    await caller.fail("Broken.")
    (signature,) = await caller.signatures("open")
    async with caller.database.transaction() as session:
        await make_job(session, caller.tenant)
    async with caller.database.transaction() as session:
        (running,) = await claim(session, worker_id=uuid4(), lane="default", limit=1)
    await caller.decide(signature, "resolve")
    async with caller.database.transaction() as session:
        result = AttemptResult("failed", error="Broken.", error_code="exception")
        assert await finish(session, running, result)
    assert await caller.signatures("resolved") == [signature]


async def test_ignored_error_is_open_again_after_its_time_or_its_number_of_jobs(caller: Caller) -> None:
    await caller.fail("Broken.")
    (signature,) = await caller.signatures("open")
    await caller.decide(signature, "ignore")
    await caller.fail("Broken.")
    assert (await caller.signatures("ignored"), await caller.signatures("open")) == ([signature], [])
    for _ in range(2):
        limited = await caller.decide(signature, "ignore", jobs=2)
        assert limited["ignored_jobs"] == 2  # the number starts again
        await caller.fail("Broken.")
    assert await caller.signatures("ignored") == [signature]
    last = await caller.fail("Broken.")
    found = await caller.read(f"/v1/job-failures/{signature}")
    assert (found["state"], found["is_regressed"]) == ("open", False)
    assert found["returned_at"] == (await caller.read(f"/v1/jobs/{last}"))["finished_at"]

    until = (now() + timedelta(hours=1)).isoformat()
    await caller.decide(signature, "ignore", until=until, jobs=100)
    assert await caller.signatures("ignored") == [signature]
    async with caller.database.transaction() as session:
        await session.execute(text("update failure_clusters set ignored_until = now() - interval '1 second'"))
    assert await caller.signatures("open") == [signature]


async def test_decisions_are_checked_and_audited(
    caller: Caller, database: Database, client: httpx.AsyncClient
) -> None:
    await caller.fail("Broken.")
    (signature,) = await caller.signatures("open")
    past = (now() - timedelta(seconds=1)).isoformat()
    for action, body, path in (
        ("ignore", {"until": past}, "until"),
        ("ignore", {"until": "2026-01-01T00:00:00"}, "body.until"),
        ("ignore", {"jobs": 0}, "body.jobs"),
        ("resolve", {"note": "x" * 1_001}, "body.note"),
        ("resolve", {"fixed_in": "v3"}, "body.fixed_in"),
    ):
        rejected = await caller.decide(signature, action, 422, **body)
        assert rejected["errors"][0]["path"].endswith(path.removeprefix("body.")), rejected
    unknown = await caller.decide("0" * 16, "resolve", 404)
    assert unknown["code"] == "failure_not_found"
    other = await make_caller(database, client)
    assert (await other.decide(signature, "ignore", 404))["code"] == "failure_not_found"
    async with database.transaction() as session:
        project_id = caller.tenant.principal.project_id
        staging = await keys.create(session, None, project_id=project_id, environment="staging")
    headers = {"Authorization": f"Bearer {staging.plaintext}"}
    response = await client.post(f"/v1/job-failures/{signature}/resolve", headers=headers)
    assert (response.status_code, error_of(response)["code"]) == (403, "not_allowed")

    await caller.decide(signature, "resolve", note="Fixed")
    await caller.decide(signature, "ignore", jobs=5)
    await caller.decide(signature, "reopen")
    entries = await caller.read("/v1/audit", action="failure")
    assert [one["action"] for one in entries] == ["failure.reopened", "failure.ignored", "failure.resolved"]
    assert entries[-1]["facts"]["note"] == "Fixed"
    assert {one["target"] for one in entries} == {f"failure:{signature}"}
    activity = await caller.read("/v1/activity", category="jobs")
    assert activity[-1]["summary"] == "resolved the error exception: Broken. of echo"
    assert activity[-1]["path"] == f"/jobs?error_signature={signature}"


async def test_ignored_errors_remain_when_their_jobs_expire(caller: Caller) -> None:
    await caller.fail("Ignored.")
    (signature,) = await caller.signatures("open")
    await caller.decide(signature, "ignore")
    async with caller.database.transaction() as session:
        await session.execute(text("update failure_clusters set first_seen_at = now() - interval '99 days'"))
        await session.execute(text("delete from jobs"))
        assert await rows.remove(session, rows.FAILURE_CLUSTERS, now() - timedelta(days=30)) == 0
    await caller.fail("Ignored.")
    assert await caller.signatures("ignored") == [signature]


async def _error(caller: Caller, signature: str) -> str:
    return str((await caller.read(f"/v1/job-failures/{signature}"))["message"])
