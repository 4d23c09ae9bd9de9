"""Report the state of the parts of the instance, each with a message about its effect on jobs."""

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
from backend.execution.worker_registry.service import LEASE, SWEEP_INTERVAL_S
from backend.identity.auth.actors import SignedIn

_PATIENCE_S: Final = 3.0
_LOW_DISK_BYTES: Final = 2 * 10**9
_WORKERS = text("""
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


async def tiles(context: AppContext, operator: SignedIn) -> Sequence[StatusTileRead]:
    """Return the state of database, Redis, workers and disk.

    Raises:
        NotAllowed: The user is not an operator.
    """
    access.require(operator)
    (database, workers), redis = await asyncio.gather(_database(context), _redis(context))
    return [database, redis, workers, _disk(context)]


async def _database(context: AppContext) -> tuple[StatusTileRead, StatusTileRead]:
    try:
        async with asyncio.timeout(_PATIENCE_S), context.database.reading() as session:
            version = (await session.execute(text("show server_version"))).scalar_one()
            row = (await session.execute(_WORKERS, {"lease": LEASE})).one()
    except (SQLAlchemyError, OSError):
        message = "Unavailable. Jobs cannot be submitted and do not run."
        unknown = StatusTileRead(
            part="Workers", state="wait", message="Unknown while the database is unavailable."
        )
        return StatusTileRead(part="Database", state="fail", message=message), unknown
    running = StatusTileRead(
        part="Database", state="ok", message=f"PostgreSQL {str(version).split()[0]} is available."
    )
    return running, _workers(row)


def _workers(row: Any) -> StatusTileRead:
    alive, slots, draining, lost = row.alive, row.slots, row.draining, row.lost
    if not alive:
        message = f"No worker has sent a heartbeat in the last {LEASE.seconds} s. Jobs wait for a worker."
        return StatusTileRead(part="Workers", state="fail", message=message)
    others = [f"{draining} draining"] * bool(draining) + [f"{lost} lost"] * bool(lost)
    if row.shortages:
        message = f"{alive} alive with {slots} slots. These hosts claim no jobs: {'; '.join(row.shortages)}."
        return StatusTileRead(part="Workers", state="wait" if slots else "fail", message=message)
    message = f"{alive} alive with {slots} slots for jobs{''.join(', ' + one for one in others)}."
    return StatusTileRead(part="Workers", state="wait" if lost else "ok", message=message)


async def _redis(context: AppContext) -> StatusTileRead:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await cast(Awaitable[bool], context.redis.ping())
    except (RedisError, OSError):
        message = f"Unavailable. Jobs start up to {SWEEP_INTERVAL_S:g} s later. No data is lost."
        return StatusTileRead(part="Redis", state="wait", message=message)
    return StatusTileRead(part="Redis", state="ok", message="Available. Jobs start immediately.")


def _disk(context: AppContext) -> StatusTileRead:
    usage = shutil.disk_usage(context.settings.home)
    message = f"{usage.free / 1e9:,.1f} of {usage.total / 1e9:,.1f} GB are free on the disk of PURAS_HOME."
    return StatusTileRead(
        part="Disk", state="wait" if usage.free < _LOW_DISK_BYTES else "ok", message=message
    )
