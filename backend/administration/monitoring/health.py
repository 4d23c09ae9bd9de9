"""Report liveness (`/health`), readiness of the API (`/ready`) and of workers (`/ready/workers`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final, Literal, NamedTuple, cast

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.context import AppContext
from backend.core.attribute_docstrings import Schema
from backend.core.errors import Unavailable
from backend.execution.worker_registry.service import LEASE
from backend.identity.auth.dependencies import ContextDep

_PATIENCE_S: Final = 3.0
_WORKERS: Final = text("""
select count(*) filter (where shortage is null) as ready, array_agg(distinct host || ': ' || shortage)
  filter (where shortage is not null) as shortages
from workers where beat_at > now() - cast(:lease as interval) and not stopping
""")

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process is alive."""

    status: Literal["ok"] = "ok"


class Readiness(Schema):
    """The API serves requests, and jobs can be submitted."""

    status: Literal["ok", "degraded"] = "ok"
    """`degraded`: jobs can be submitted, but start late, or only after a worker is available."""
    problems: list[str] = Field(default_factory=list)
    """Reasons of the status `degraded`."""


class NotReady(Unavailable):
    """The API cannot serve requests."""

    code = "not_ready"


class WorkersNotReady(Unavailable):
    """No worker claims jobs."""

    code = "workers_not_ready"


@router.get("/health")
async def health() -> Health:
    """Report that this process is alive."""
    return Health()


@router.get("/ready")
async def ready(request: Request, context: ContextDep) -> Readiness:
    """Report whether this process serves requests, so that jobs can be submitted.

    The response is 503 while the database is unavailable or the process stops. The status is `degraded` without Redis,
    or without a worker that claims jobs.
    """
    if getattr(request.app.state, "is_stopping", False):
        raise NotReady("Not ready: this process is stopping.", missing=["this process is stopping"])
    workers, redis = await asyncio.gather(_workers(context), _redis(context))
    if workers is None:
        raise NotReady("Not ready: the database is unavailable.", missing=["the database is unavailable"])
    problems = [*redis, *workers.problems]
    return Readiness(status="degraded" if problems else "ok", problems=problems)


@router.get("/ready/workers")
async def workers_ready(context: ContextDep) -> Readiness:
    """Report whether a worker is alive and claims jobs; 503 if none does.

    The status is `degraded` while some workers claim no jobs because their host lacks disk, memory or processes.
    """
    workers = await _workers(context)
    problems = ["the database is unavailable"] if workers is None else workers.problems
    if workers is None or not workers.ready:
        raise WorkersNotReady(f"No worker claims jobs: {'; '.join(problems)}.", missing=problems)
    return Readiness(status="degraded" if problems else "ok", problems=problems)


class _Workers(NamedTuple):
    ready: int
    """Number of live worker processes that claim jobs."""
    problems: list[str]


async def _workers(context: AppContext) -> _Workers | None:
    """Return the live workers, or `None` when the database is unavailable."""
    try:
        async with asyncio.timeout(_PATIENCE_S), context.database.transaction() as session:
            row = (await session.execute(_WORKERS, {"lease": LEASE})).one()
    except (SQLAlchemyError, OSError):
        return None
    problems: list[str] = list(row.shortages or [])
    if not row.ready and not problems:
        problems = [f"no worker has sent a heartbeat in the last {LEASE.seconds} s"]
    return _Workers(row.ready, problems)


async def _redis(context: AppContext) -> list[str]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await cast(Awaitable[bool], context.redis.ping())
    except (RedisError, OSError):
        return ["Redis is unavailable"]
    return []
