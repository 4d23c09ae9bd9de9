"""Events that are appended together share rows, and every reader finds each event."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlmodel import col

from backend.core.db.engine import Database
from backend.execution.events.append import MAX_EARLIER, EncodedEvent, append
from backend.execution.events.errors import EventsGone
from backend.execution.events.queries import read_after, split_events
from backend.execution.events.tables import JobEventRow
from backend.execution.jobs.access.events import event_cursor
from backend.execution.jobs.attempts.claim import claim
from tests.factories.tenants import Tenant, make_job, make_tenant

BATCH = ("sandbox", "progress", "log", "progress", "log", "log", "progress")
"""After the events `queued` and `started`. Those of type `log` and the last one end a row."""
ROWS = [(1, "queued", 0), (2, "started", 0), (5, "log", 2), (7, "log", 1), (8, "log", 0), (9, "progress", 0)]


async def started(database: Database) -> tuple[Tenant, UUID]:
    """Start a job with the events `queued` and `started`."""
    async with database.transaction() as session:
        tenant = await make_tenant(session)
        await make_job(session, tenant)
    async with database.transaction() as session:
        (claimed,) = await claim(session, worker_id=uuid4(), lane="default", limit=1)
    return tenant, claimed.job_id


async def appended(database: Database, job_id: UUID, *types: str) -> None:
    """Append events in one statement, which have their position in the batch as payload."""
    events = [EncodedEvent(type_, {"n": number}) for number, type_ in enumerate(types)]
    async with database.transaction() as session:
        assert await append(session, job_id=job_id, attempt=1, events=events)


async def rows_of(database: Database, job_id: UUID) -> list[tuple[int, str, int]]:
    """Return number, type and number of earlier events of each row."""
    query = select(JobEventRow).where(col(JobEventRow.job_id) == job_id).order_by(col(JobEventRow.seq))
    async with database.transaction() as session:
        rows = (await session.execute(query)).scalars().all()
    return [(row.seq, row.type, len(row.earlier or ())) for row in rows]


async def test_every_page_has_the_events_after_its_cursor(database: Database) -> None:
    tenant, job_id = await started(database)
    await appended(database, job_id, *BATCH)
    assert await rows_of(database, job_id) == ROWS

    async with database.transaction() as session:
        all_events = await read_after(session, job_id)
        assert [event.seq for event in all_events] == list(range(1, 10))
        assert [event.type for event in all_events[2:]] == list(BATCH)
        assert [event.payload["n"] for event in all_events[2:]] == list(range(7))
        assert all(one.ts.utcoffset() is not None for one in all_events)
        assert [event.ts for event in all_events] == sorted(event.ts for event in all_events)
        for after in range(10):
            for limit in range(1, 10):
                page = await read_after(session, job_id, after=after, limit=limit)
                assert page == all_events[after : after + limit], (after, limit)
            cursor = await event_cursor(session, tenant.principal, job_id, after=after)
            assert cursor == (after, False)


async def test_a_row_has_a_limited_number_of_events(database: Database) -> None:
    _, job_id = await started(database)
    await appended(database, job_id, *["progress"] * 40)
    maximum = MAX_EARLIER + 1
    assert [(seq, earlier) for seq, _, earlier in await rows_of(database, job_id)] == [
        (1, 0),
        (2, 0),
        (2 + maximum, MAX_EARLIER),
        (2 + 2 * maximum, MAX_EARLIER),
        (42, 40 - 2 * maximum - 1),
    ]
    async with database.transaction() as session:
        assert [event.seq for event in await read_after(session, job_id)] == list(range(1, 43))


async def test_a_cursor_before_deleted_events_is_an_error(database: Database) -> None:
    tenant, job_id = await started(database)
    await appended(database, job_id, *BATCH)
    async with database.transaction() as session:
        await session.execute(text("delete from job_events where job_id = :id and seq <= 5"), {"id": job_id})
        for after in range(5):
            with pytest.raises(EventsGone):
                await event_cursor(session, tenant.principal, job_id, after=after)
        for after in (5, 6, 7, 8, 9):
            assert (await event_cursor(session, tenant.principal, job_id, after=after)).after == after
        with pytest.raises(EventsGone):
            await event_cursor(session, tenant.principal, job_id, after=1)
        assert (await event_cursor(session, tenant.principal, job_id, after=2**40)).after == 9


async def test_export_has_a_line_for_each_event(database: Database) -> None:
    _, job_id = await started(database)
    await appended(database, job_id, *BATCH)
    query = text("select row_to_json(e)::text from job_events e where job_id = :id order by seq")
    async with database.transaction() as session:
        lines = [line for (line,) in await session.execute(query, {"id": job_id})]
        events = await read_after(session, job_id)
    records: list[dict[str, Any]] = [json.loads(part) for line in lines for part in split_events(line)]
    assert [(one["seq"], one["type"], one["payload"]) for one in records] == [
        (event.seq, event.type, event.payload) for event in events
    ]
    assert {tuple(record) for record in records} == {("job_id", "seq", "ts", "type", "payload")}
    assert {record["job_id"] for record in records} == {str(job_id)}
