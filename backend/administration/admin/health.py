"""How the parts of the instance are, each in a sentence that says what it means for jobs."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Sequence
from typing import Any, Final, cast

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.administration.admin import access
from backend.administration.admin.schemas import StatusTileRead
from backend.context import AppContext
from backend.execution.worker_registry.service import LEASE, SWEEP_EVERY_S
from backend.identity.auth.actors import SignedIn

_PATIENCE_S: Final = 3.0
_LITTLE_ROOM_BYTES: Final = 2 * 10**9
_FLEET = text("""
select count(*) filter (where is_alive and not stopping) as alive,
       count(*) filter (where is_alive and stopping) as draining,
       count(*) filter (where not is_alive) as lost,
       coalesce(sum(capacity) filter (where is_alive and not stopping and shortage is null), 0) as slots,
       array_agg(distinct host || ': ' || shortage)
         filter (where is_alive and not stopping and shortage is not null) as shortages
from (
  select beat_at > now() - cast(:lease as interval) as is_alive, stopping, capacity, host, shortage from workers
) w
""")


async def tiles(context: AppContext, who: SignedIn) -> Sequence[StatusTileRead]:
    """Database, Redis, workers and disk.

    Raises:
        NotAllowed: it is no operator who asks.
    """
    access.require(who)
    (database, workers), redis = await asyncio.gather(_database(context), _redis(context))
    return [database, redis, workers, _disk(context)]


async def _database(context: AppContext) -> tuple[StatusTileRead, StatusTileRead]:
    try:
        async with asyncio.timeout(_PATIENCE_S), context.database.reading() as session:
            version = (await session.execute(text("show server_version"))).scalar_one()
            row = (await session.execute(_FLEET, {"lease": LEASE})).one()
    except (SQLAlchemyError, OSError):
        told = "It does not answer: nothing is submitted, and nothing runs."
        unknown = StatusTileRead(part="Workers", state="wait", told="Unknown while the database is away.")
        return StatusTileRead(part="Database", state="fail", told=told), unknown
    answers = StatusTileRead(
        part="Database", state="ok", told=f"PostgreSQL {str(version).split()[0]} answers."
    )
    return answers, _workers(row)


def _workers(row: Any) -> StatusTileRead:
    alive, slots, draining, lost = row.alive, row.slots, row.draining, row.lost
    if not alive:
        told = f"None has shown itself in the last {LEASE.seconds} s: jobs wait until one does."
        return StatusTileRead(part="Workers", state="fail", told=told)
    others = [f"{draining} draining"] * bool(draining) + [f"{lost} lost"] * bool(lost)
    if row.shortages:
        told = f"{alive} alive, room for {slots} jobs. No jobs are claimed for want of {'; '.join(row.shortages)}."
        return StatusTileRead(part="Workers", state="wait" if slots else "fail", told=told)
    told = f"{alive} with room for {slots} jobs{''.join(', ' + one for one in others)}."
    return StatusTileRead(part="Workers", state="wait" if lost else "ok", told=told)


async def _redis(context: AppContext) -> StatusTileRead:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await cast(Awaitable[bool], context.redis.ping())
    except (RedisError, OSError):
        told = f"It does not answer: jobs start up to {SWEEP_EVERY_S:g} s later. Nothing is lost."
        return StatusTileRead(part="Redis", state="wait", told=told)
    return StatusTileRead(part="Redis", state="ok", told="It answers: jobs start at once.")


def _disk(context: AppContext) -> StatusTileRead:
    usage = shutil.disk_usage(context.settings.home)
    told = f"{usage.free / 1e9:,.1f} of {usage.total / 1e9:,.1f} GB are free where the instance lives."
    return StatusTileRead(part="Disk", state="wait" if usage.free < _LITTLE_ROOM_BYTES else "ok", told=told)
