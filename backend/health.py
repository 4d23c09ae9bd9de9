"""`/health`: the process lives. `/ready`: the instance can run jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Final, Literal, cast

from fastapi import APIRouter
from pydantic import BaseModel
from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from backend.auth.dependencies import InstanceDep
from backend.clock import now
from backend.errors import Unavailable
from backend.fleet.tables import Worker
from backend.instance import Instance

FRESH: Final = timedelta(seconds=10)
"""A worker whose beat is older is lost: three are missed by then."""
_PATIENCE_S: Final = 3.0

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"] = "ok"


class NotReady(Unavailable):
    """A part that jobs need is away."""

    code = "not_ready"


@router.get("/health")
async def health() -> Health:
    """Whether this process lives."""
    return Health()


@router.get("/ready")
async def ready(instance: InstanceDep) -> Health:
    """Whether the instance can run jobs: database, Redis and a live worker."""
    missing = [why for why in await asyncio.gather(_database(instance), _redis(instance)) if why]
    if missing:
        raise NotReady(f"Not ready: {'; '.join(missing)}.", missing=missing)
    return Health()


async def _database(instance: Instance) -> str | None:
    query = (
        select(col(Worker.id))
        .where(col(Worker.beat_at) > now() - FRESH, col(Worker.stopping).is_(False))
        .limit(1)
    )
    try:
        async with asyncio.timeout(_PATIENCE_S), instance.database.transaction() as session:
            worker = await session.scalar(query)
    except (SQLAlchemyError, OSError):
        return "the database does not answer"
    return None if worker else f"no worker has shown itself in the last {FRESH.seconds} s"


async def _redis(instance: Instance) -> str | None:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await cast(Awaitable[bool], instance.redis.ping())
    except (RedisError, OSError):
        return "Redis does not answer"
    return None
