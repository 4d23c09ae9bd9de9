"""Search by meaning if PostgreSQL has pgvector: half-precision vectors in an HNSW index.

The table stores plain arrays, so that it is the same on every server; only the index needs the extension. The first
worker of an instance with a configured embedding model creates it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import logs
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database

log = logs.get(__name__)

DIMENSIONS: Final = 1_536
MAX_DISTANCE: Final = 0.8
"""Records at a greater cosine distance are unrelated."""
_MAX_CANDIDATES: Final = 200
_CHECK_INTERVAL_S: Final = 60.0
_LOCK: Final = 0x6D65_616E  # "mean": any constant that is not used elsewhere

_HAS_TYPE: Final = text("select to_regtype('halfvec') is not null")
_IS_AVAILABLE: Final = text("select exists (select from pg_available_extensions where name = 'vector')")
_CREATE: Final = (
    text("set local statement_timeout = 0"),
    text("create extension if not exists vector"),
    text(f"""
    create index if not exists ix_memory_vectors_nearest on memory_vectors
    using hnsw ((cast(embedding as halfvec({DIMENSIONS}))) halfvec_cosine_ops)
    """),
)
_TRY_LOCK: Final = text("select pg_try_advisory_xact_lock(:key)")
# Without it, a search stops at the nearest rows, which may all belong to other projects.
_ITERATIVE_SCAN: Final = text("set local hnsw.iterative_scan = 'relaxed_order'")


class Meaning(NamedTuple):
    """The embedding of a text, and the model that computed it."""

    model: str
    embedding: Sequence[float]

    async def nearest(
        self, session: AsyncSession, condition: str, values: dict[str, Any], *, limit: int
    ) -> Sequence[UUID]:
        """Return the nearest records that meet the SQL condition; `session` is a transaction."""
        await session.execute(_ITERATIVE_SCAN)
        query = text(f"""
        with near as materialized (
          select v.memory_id,
                 cast(v.embedding as halfvec({DIMENSIONS})) <=> cast(:vector as halfvec({DIMENSIONS})) as distance
          from memory_vectors v where v.project_id = :project_id and v.model = :model
          order by cast(v.embedding as halfvec({DIMENSIONS})) <=> cast(:vector as halfvec({DIMENSIONS}))
          limit {_MAX_CANDIDATES}
        )
        select m.id from near join memory_records m on m.id = near.memory_id
        where near.distance < {MAX_DISTANCE} and m.project_id = :project_id and {condition}
        order by near.distance limit :limit
        """)  # noqa: S608 - interpolated values are constants
        vector = "[" + ",".join(f"{number:.6g}" for number in self.embedding) + "]"
        query_values = {**values, "vector": vector, "model": self.model, "limit": limit}
        return [row.id for row in (await session.execute(query, query_values)).all()]


_readiness: dict[int, tuple[float, bool]] = {}


async def are_ready(database: Database) -> bool:
    """Return whether the database can compare vectors; check again every minute until it can."""
    valid_until, ready = _readiness.get(id(database), (0.0, False))
    if ready or time.monotonic() < valid_until:
        return ready
    async with database.read_session() as session:
        ready = bool((await session.execute(_HAS_TYPE)).scalar_one())
    _readiness[id(database)] = (time.monotonic() + _CHECK_INTERVAL_S, ready)
    return ready


async def prepare(database: Database) -> bool:
    """Create the extension and the index if they are missing. False: pgvector is unavailable or not allowed."""
    try:
        async with database.transaction() as session:
            if not (await session.execute(_TRY_LOCK, {"key": _LOCK})).scalar_one():
                return await are_ready(database)
            if not (await session.execute(_IS_AVAILABLE)).scalar_one():
                return False
            for statement in _CREATE:
                await session.execute(statement)
    except DBAPIError as error:
        log.warning(
            "memory is searched only by words: pgvector cannot be prepared", reason=error_summary(error)
        )
        return False
    forget_readiness(database)
    return True


def forget_readiness(database: Database) -> None:
    """Check again whether the database can compare vectors."""
    _readiness.pop(id(database), None)
