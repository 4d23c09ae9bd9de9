"""Retention rules: old data is deleted in complete jobs, and data that is still needed stays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text, update
from sqlmodel import col

from backend.administration.retention.forecast import forecast
from backend.administration.retention.rules import Rules
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.events import partitions
from backend.execution.events.tables import JobEventRow
from backend.execution.flows.tables import FlowStep
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.tables import Job
from backend.execution.journal.tables import JournalEntry
from backend.execution.steps.tables import JobStep
from backend.execution.waits.tables import JobWait, ProjectEvent
from backend.housekeeping import clean_up
from backend.identity.auth import audit
from backend.identity.tables import AuditRow
from backend.money.ledger import audit as ledger_audit
from backend.storage.local import LocalStorage
from tests.factories.tenants import Tenant, make_job, make_tenant

DAY = timedelta(days=1)


def rules(**ages: timedelta | None) -> Rules:
    values: dict[str, Any] = {
        "events": None,
        "jobs": None,
        "sessions": None,
        "audit": None,
        "deleted_projects": DAY,
    }
    return Rules(**values | ages)


async def test_month_of_events_is_deleted_when_no_job_needs_it(
    database: Database, storage: LocalStorage
) -> None:
    tenant = await create_tenant(database)
    month = await create_old_month(database, 200)
    old = await create_job(database, tenant, created=month, finished=month + DAY)
    recent = await create_job(database, tenant, created=now() - DAY, finished=now())
    assert await months(database) & {name_of(month)}

    async with database.transaction() as session:
        forecasts = await forecast(session, rules(events=90 * DAY))
    assert forecasts[0].name == f"month {name_of(month)}"
    assert await events_of(database, old), "a forecast deletes nothing"

    await clean_up_completely(database, storage, rules(events=90 * DAY))
    assert name_of(month) not in await months(database)
    assert (await events_of(database, old), await events_of(database, recent)) == (
        [],
        ["queued", "started", "succeeded"],
    )
    async with database.transaction() as session:
        assert (await session.get_one(Job, old)).status == "succeeded", "the job itself stays"


async def test_running_job_keeps_its_month_of_events(database: Database, storage: LocalStorage) -> None:
    tenant = await create_tenant(database)
    month = await create_old_month(database, 200)
    await create_job(database, tenant, created=month, finished=month + DAY)
    running = await create_job(database, tenant, created=month, finished=None)
    await clean_up_completely(database, storage, rules(events=90 * DAY))
    assert await events_of(database, running) == ["queued", "started"]

    await set_finished_at(database, running, now())
    await clean_up_completely(database, storage, rules(events=90 * DAY))
    assert await events_of(database, running) == ["queued", "started"], (
        "it ended recently: all of its events stay"
    )

    await set_finished_at(database, running, now() - 91 * DAY)
    await clean_up_completely(database, storage, rules(events=90 * DAY))
    assert await events_of(database, running) == []


async def test_events_without_a_monthly_partition_are_deleted_in_batches(
    database: Database, storage: LocalStorage
) -> None:
    tenant = await create_tenant(database)
    old = await create_job(database, tenant, created=now() - 400 * DAY, finished=now() - 399 * DAY)
    running = await create_job(database, tenant, created=now() - 400 * DAY, finished=None)
    await clean_up_completely(database, storage, rules(events=90 * DAY))
    assert (await events_of(database, old), await events_of(database, running)) == ([], ["queued", "started"])


async def test_conversations_of_agents_are_deleted_with_the_events(
    database: Database, storage: LocalStorage
) -> None:
    tenant = await create_tenant(database)
    old = await create_job(database, tenant, created=now() - 100 * DAY, finished=now() - 99 * DAY)
    recent = await create_job(database, tenant, created=now() - 100 * DAY, finished=now() - DAY)
    async with database.transaction() as session:
        session.add_all(
            JournalEntry(
                job_id=job_id,
                step=step,
                place=0,
                kind="reply" if step else "opening",
                attempt=1,
                content={},
                created_at=now() - 100 * DAY,
            )
            for job_id in (old, recent)
            for step in range(3)
        )
    await clean_up_completely(database, storage, rules(events=90 * DAY))
    async with database.transaction() as session:
        assert set((await session.scalars(select(JournalEntry.job_id))).all()) == {recent}


async def test_steps_are_deleted_with_the_events_of_their_job(
    database: Database, storage: LocalStorage
) -> None:
    tenant = await create_tenant(database)
    old = await create_job(database, tenant, created=now() - 100 * DAY, finished=now() - 99 * DAY)
    recent = await create_job(database, tenant, created=now() - 100 * DAY, finished=now() - DAY)
    fields: dict[str, Any] = {
        "branch": "",
        "name": "a",
        "occurrence": 1,
        "kind": "step",
        "status": "finished",
    }
    async with database.transaction() as session:
        session.add_all(
            JobStep(
                **fields,
                job_id=job_id,
                position=position,
                attempt=1,
                retries=0,
                tries=1,
                started_at=now() - 100 * DAY,
            )
            for job_id in (old, recent)
            for position in (1, 2)
        )
        session.add_all(
            FlowStep(
                job_id=job_id,
                step="each",
                item=item,
                project_id=tenant.project_id,
                kind="skill",
                status="succeeded",
                started_at=now() - 100 * DAY,
            )
            for job_id in (old, recent)
            for item in (0, 1)
        )
    await clean_up_completely(database, storage, rules(events=90 * DAY))
    async with database.transaction() as session:
        assert set((await session.scalars(select(JobStep.job_id))).all()) == {recent}
        assert set((await session.scalars(select(FlowStep.job_id))).all()) == {recent}


async def test_events_of_projects_stay_while_a_job_has_to_read_them(
    database: Database, storage: LocalStorage
) -> None:
    tenant = await create_tenant(database)
    waiting = await create_job(database, tenant, created=now(), finished=None)
    ended = await create_job(database, tenant, created=now() - 9 * DAY, finished=now() - 8 * DAY)
    async with database.transaction() as session:
        events = [
            ProjectEvent(
                project_id=tenant.project_id, id=str(n), type="x", data=n, sent_by="test", received_at=at
            )
            for n, at in enumerate((now() - 8 * DAY, now() - 8 * DAY, now()))
        ]
        session.add_all(events)
        await session.flush()
        for job_id, event in ((waiting, events[0]), (ended, events[1])):
            session.add(
                JobWait(
                    project_id=tenant.project_id,
                    job_id=job_id,
                    key=":1",
                    name="x",
                    kind="event",
                    event_type="x",
                    event_seq=event.seq,
                    created_at=now(),
                )
            )
    await clean_up_completely(database, storage, rules(project_events=7 * DAY))
    async with database.transaction() as session:
        assert set((await session.scalars(select(ProjectEvent.id))).all()) == {"0", "2"}
        assert set((await session.scalars(select(JobWait.job_id))).all()) == {waiting}


async def test_without_a_rule_everything_stays(database: Database, storage: LocalStorage) -> None:
    tenant = await create_tenant(database)
    old = await create_job(database, tenant, created=now() - 4000 * DAY, finished=now() - 3999 * DAY)
    await clean_up_completely(database, storage, rules())
    assert len(await events_of(database, old)) == 3


async def test_old_jobs_are_deleted_and_the_ledger_balances(
    database: Database, storage: LocalStorage
) -> None:
    tenant = await create_tenant(database)
    old = [
        await create_job(database, tenant, created=now() - 40 * DAY, finished=now() - 31 * DAY)
        for _ in range(3)
    ]
    kept = await create_job(database, tenant, created=now() - 40 * DAY, finished=now() - 29 * DAY)
    running = await create_job(database, tenant, created=now() - 40 * DAY, finished=None)
    async with database.transaction() as session:
        jobs, *_ = await forecast(session, rules(jobs=30 * DAY))
    assert (jobs.name, jobs.rows) == ("jobs", 3)

    await clean_up_completely(database, storage, rules(jobs=30 * DAY))
    async with database.transaction() as session:
        assert set((await session.scalars(select(Job.id))).all()) == {kept, running}
        assert await ledger_audit.check_ledger(session) == []
    for job_id in old:
        assert await events_of(database, job_id) == []


async def test_only_old_audit_entries_are_deleted(database: Database, storage: LocalStorage) -> None:
    tenant = await create_tenant(database)
    async with database.transaction() as session:
        for number in range(5):
            await audit.record(session, tenant.principal, f"act.{number}")
    async with database.transaction() as session:
        await session.execute(
            update(AuditRow).where(col(AuditRow.action) < "act.3").values(at=now() - 400 * DAY)
        )
    await clean_up_completely(database, storage, rules(audit=365 * DAY))
    async with database.transaction() as session:
        actions = (
            await session.scalars(select(AuditRow.action).where(AuditRow.actor == "key:testtest"))
        ).all()
        assert set(actions) == {"act.3", "act.4"}


async def clean_up_completely(database: Database, storage: LocalStorage, rules: Rules) -> None:
    for _ in range(20):
        if not await clean_up(database, storage, rules):
            return
    raise AssertionError("the cleanup does not end")


async def create_tenant(database: Database) -> Tenant:
    async with database.transaction() as session:
        return await make_tenant(session, credit_micros=1000)


async def create_old_month(database: Database, days: int) -> datetime:
    """Create a partition for a month long ago and return the middle of the month."""
    first = (now() - days * DAY).date().replace(day=1)
    async with database.transaction() as session:
        await session.execute(text(f"drop table if exists job_events_{first:%Y_%m}"))
        assert await partitions.create(session, first)
    return datetime(first.year, first.month, 10, tzinfo=UTC)


def name_of(month: datetime) -> str:
    return f"job_events_{date(month.year, month.month, 1):%Y_%m}"


async def months(database: Database) -> set[str]:
    async with database.transaction() as session:
        found = await session.scalars(
            text("select inhrelid::regclass::text from pg_inherits where inhparent = 'job_events'::regclass")
        )
        return set(found.all())


async def create_job(
    database: Database, tenant: Tenant, *, created: datetime, finished: datetime | None
) -> UUID:
    """Create a job that was submitted and has ended at these times, with its events."""
    async with database.transaction() as session:
        job_id = await make_job(session, tenant)
    async with database.transaction() as session:
        (claimed,) = await claim(session, worker_id=uuid4(), lane="default", limit=1)
        assert claimed.job_id == job_id
        if finished is not None:
            await finish(session, claimed, AttemptResult("succeeded", result={}), [])
    async with database.transaction() as session:
        await session.execute(
            update(Job).where(col(Job.id) == job_id).values(created_at=created, finished_at=finished)
        )
        await session.execute(update(JobEventRow).where(col(JobEventRow.job_id) == job_id).values(ts=created))
    return job_id


async def set_finished_at(database: Database, job_id: UUID, at: datetime) -> None:
    async with database.transaction() as session:
        ended = update(Job).where(col(Job.id) == job_id)
        await session.execute(ended.values(status="succeeded", finished_at=at))


async def events_of(database: Database, job_id: UUID) -> list[str]:
    async with database.transaction() as session:
        query = select(JobEventRow.type).where(JobEventRow.job_id == job_id).order_by(col(JobEventRow.seq))
        return list((await session.scalars(query)).all())
