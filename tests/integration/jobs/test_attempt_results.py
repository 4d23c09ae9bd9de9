"""External changes that arrive while the result of an attempt is being stored have no effect."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import islice
from typing import Any, Protocol
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from structlog.testing import capture_logs

from backend import config
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.approvals.types import ApprovalRequest
from backend.execution.events.append import EVENT_COLUMNS, EVENT_ROWS, EVENT_VALUES, EncodedEvent, as_rows
from backend.execution.jobs.attempts.claim import JobAttempt, claim
from backend.execution.jobs.attempts.finish import AttemptResult
from backend.execution.jobs.tables import Job
from backend.execution.worker_registry.identity import worker_ids
from backend.execution.worker_registry.tables import Worker
from backend.identity.api_keys import keys
from tests.factories.tenants import make_job, make_tenant
from workers import pool
from workers.attempt.attempt import Attempt, EndedBy
from workers.attempt.persist import persist
from workers.attempt.run import run_attempt
from workers.attempt.types import AttemptEnd, AwaitingApproval, Requeued
from workers.supervisor import Supervisor


class Rejecting(Protocol):
    async def __call__(self, error_code: str, *, times: int) -> None: ...


TIMEOUT_S = 20
SERIALIZATION_FAILURE = "40001"
DIVISION_BY_ZERO = "22012"
_REJECT = """
create sequence rejected_ends;;
create function reject_end() returns trigger language plpgsql as $$
begin
  if nextval('rejected_ends') <= {times} then  -- a sequence counts what is rolled back, too
    raise exception 'rejected' using errcode = '{code}';
  end if;
  return new;
end $$;;
create trigger reject_end before update on jobs for each row when (old.status = 'running') execute function reject_end()
"""
_INSERT_EVENTS = text(
    f"insert into job_events (job_id, seq, {EVENT_COLUMNS}) select :job_id, 1 + e.n, {EVENT_VALUES} from {EVENT_ROWS}"
)
POSTPONED = [("requeued", {"reason": "wallet_empty"}), ("requeued", {"reason": "wallet_held"})]
APPROVED = [("approval_required", {}), ("waiting", {"reason": "approval"}), ("approval_decided", {})]


@pytest_asyncio.fixture
async def rejecting(database: Database) -> AsyncIterator[Rejecting]:
    """Return a function that makes the database reject N writes of a result, with an error code of PostgreSQL."""

    async def reject(error_code: str, *, times: int) -> None:
        async with database.transaction() as session:
            for statement in _REJECT.format(code=error_code, times=times).split(";;"):
                await session.execute(text(statement))

    yield reject
    async with database.transaction() as session:
        await session.execute(text("drop function reject_end cascade"))
        await session.execute(text("drop sequence rejected_ends"))


@pytest.mark.parametrize("by", [EndedBy.CANCEL, EndedBy.DRAIN])
async def test_result_that_is_being_stored_is_stored(
    database: Database, instance: AppContext, by: EndedBy
) -> None:
    claimed = await claimed_one(database)
    attempt = Attempt(instance, {}, claimed)
    async with database.transaction() as holder:
        await holder.execute(text("select from jobs for update"))
        attempt.task = asyncio.create_task(run_claimed(attempt))
        await wait_for_lock_waiter(database)
        attempt.end(by)
    async with asyncio.timeout(TIMEOUT_S):
        await attempt.task
    assert await end_of(database, claimed) == ("failed", "bundle_not_found"), "no storage has its bundle"


@pytest.mark.parametrize(("by", "status"), [(EndedBy.CANCEL, "cancelled"), (EndedBy.DRAIN, "queued")])
async def test_attempt_that_ends_before_its_first_step_is_stored(
    database: Database, instance: AppContext, by: EndedBy, status: str
) -> None:
    claimed = await claimed_one(database)
    attempt = Attempt(instance, {}, claimed)
    attempt.task = asyncio.create_task(run_claimed(attempt))
    attempt.end(by)
    async with asyncio.timeout(TIMEOUT_S):
        await attempt.task
    assert (await end_of(database, claimed))[0] == status


async def test_job_cancelled_during_its_claim_ends_immediately(
    database: Database, instance: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(instance, {}, lanes=["default"], capacity=1)
    claimed: list[JobAttempt] = []

    async def claim_and_cancel(*given: Any, **more: Any) -> list[JobAttempt]:
        found = await claim(*given, **more)
        for one in found:
            supervisor.cancel(one.job_id)
        claimed.extend(found)
        return found

    monkeypatch.setattr("workers.supervisor.claim", claim_and_cancel)
    async with database.transaction() as session:
        await make_job(session, await make_tenant(session))
    await supervisor.join([])
    running = asyncio.create_task(supervisor.run(drain_s=1))
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while not claimed or (await end_of(database, claimed[0]))[0] == "running":  # noqa: ASYNC110 - only the database shows it
                await asyncio.sleep(0.02)
    finally:
        supervisor.stop()
        await running
    assert (await end_of(database, claimed[0]))[0] == "cancelled"


async def test_result_is_stored_after_a_serialization_failure(
    database: Database, instance: AppContext, rejecting: Rejecting
) -> None:
    attempt = Attempt(instance, {}, await claimed_one(database))
    await rejecting(SERIALIZATION_FAILURE, times=1)
    with capture_logs() as entries:
        async with asyncio.timeout(TIMEOUT_S):
            await persist(attempt, AttemptResult("succeeded", result={}))
    assert [one["event"] for one in entries] == ["end of attempt not stored yet; retrying", "job succeeded"]
    assert await end_of(database, attempt.job_attempt) == ("succeeded", None)


@pytest.mark.parametrize(
    "end",
    [
        AttemptResult("succeeded", result={}),
        Requeued("drain"),
        Requeued("exception: no", error_code="exception", is_retry=True),
        AwaitingApproval((ApprovalRequest(0, 1, "double", "start", {}),), now() + timedelta(hours=1)),
    ],
    ids=["end", "hand-over", "retry", "approval"],
)
async def test_result_rejected_by_the_database_becomes_a_worker_error(
    database: Database, instance: AppContext, rejecting: Rejecting, end: AttemptEnd
) -> None:
    attempt = Attempt(instance, {}, await claimed_one(database))
    await rejecting(DIVISION_BY_ZERO, times=1)
    await persist(attempt, end)
    assert await end_of(database, attempt.job_attempt) == ("failed", "internal_error")


async def test_worker_logs_that_it_stopped_trying_to_store_a_result(
    database: Database, instance: AppContext, rejecting: Rejecting
) -> None:
    attempt = Attempt(instance, {}, await claimed_one(database))
    await rejecting(SERIALIZATION_FAILURE, times=1_000)
    with capture_logs() as entries:
        await persist(attempt, AttemptResult("succeeded", result={}), give_up_s=0.0)
    assert [(one["log_level"], one["event"], one["end"]) for one in entries] == [
        ("error", "end of attempt not stored: abandoned, the job runs on another worker", "succeeded")
    ]
    assert await end_of(database, attempt.job_attempt) == ("running", None)


@pytest.mark.parametrize(
    ("ending", "before", "code", "words"),
    [
        ("revoked_at = now()", [], "api_key_ended", "was revoked before the job started"),
        ("expires_at = now()", [], "api_key_ended", "expired before the job started"),
        ("revoked_at = now()", POSTPONED, "api_key_ended", "was revoked before the job started"),
        ("expires_at = now()", APPROVED, "api_key_ended", "expired before the job started"),
        ("revoked_at = now()", [("requeued", {"reason": "worker_lost"})], "bundle_not_found", ""),
        ("revoked_at = now()", [("agent_start", {}), *POSTPONED], "bundle_not_found", ""),
        ("revoked_at = now()", [("function_start", {}), *APPROVED], "bundle_not_found", ""),
        ("expires_at = now() + interval '1 day'", POSTPONED, "bundle_not_found", ""),
    ],
    ids=[
        *("revoked", "expired", "postponed", "approved"),
        *("lost after the start", "postponed after the start", "approved after the start", "valid"),
    ],
)
async def test_ended_key_stops_unstarted_jobs_but_not_started_ones(
    database: Database,
    instance: AppContext,
    ending: str,
    before: list[tuple[str, dict[str, Any]]],
    code: str,
    words: str,
) -> None:
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        job_id = await make_job(session, tenant)
        key = (await keys.create(session, None, project_id=tenant.project_id)).key
        await session.flush()
        values = {"key_id": key.id, "job_id": job_id, "attempt": min(len(before), 1)}
        await session.execute(text(f"update api_keys set {ending} where id = :key_id"), values)
        await session.execute(
            text(
                "update jobs set api_key_id = :key_id, attempt = :attempt, event_seq = event_seq + 10 "
                "where id = :job_id"
            ),
            values,
        )
        events = as_rows([EncodedEvent(kind, payload) for kind, payload in before])
        await session.execute(_INSERT_EVENTS, {"job_id": job_id, "events": events})
    async with database.transaction() as session:
        (claimed,) = await claim(session, worker_id=uuid4(), lane="default", limit=1)

    await run_claimed(Attempt(instance, {}, claimed))

    assert await end_of(database, claimed) == ("failed", code)
    async with database.transaction() as session:
        assert words in str((await session.get_one(Job, job_id)).error)


async def run_claimed(attempt: Attempt) -> None:
    await run_attempt(attempt)


async def claimed_one(database: Database) -> JobAttempt:
    async with database.transaction() as session:
        await make_job(session, await make_tenant(session))
    async with database.transaction() as session:
        (claimed,) = await claim(session, worker_id=uuid4(), lane="default", limit=1)
    return claimed


async def end_of(database: Database, claimed: JobAttempt) -> tuple[str, str | None]:
    async with database.transaction() as session:
        job = await session.get_one(Job, claimed.job_id)
        return job.status, job.error_code


async def wait_for_lock_waiter(database: Database) -> None:
    waiting = text("select exists (select from pg_locks where not granted)")
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            async with database.reading() as session:
                if (await session.execute(waiting)).scalar_one():
                    return


async def test_end_of_a_worker_does_not_affect_one_with_equal_host_and_pid(
    database: Database, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers of one image may have the same host name, and their workers the same process ID."""
    for name, value in (("DATABASE_URL", database_url), ("REDIS_URL", redis_url)):
        monkeypatch.setenv(name, value)
    config.settings.cache_clear()
    dead, alive = uuid4(), uuid4()
    second = list(islice(worker_ids(dead), 2))[1]
    async with database.transaction() as session:
        for worker_id in (dead, second, alive):
            session.add(Worker(id=worker_id, host=socket.gethostname(), pid=7, lanes=["default"], capacity=1))
    await asyncio.to_thread(pool.expire_lease, dead)
    config.settings.cache_clear()
    async with database.transaction() as session:
        lost = (
            await session.scalars(text("select id from workers where beat_at < now() - interval '1 h'"))
        ).all()
    assert set(lost) == {dead, second}
