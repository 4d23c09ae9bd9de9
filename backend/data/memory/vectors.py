"""Search by meaning, where PostgreSQL has pgvector: half-precision vectors in an HNSW index.

The table holds plain arrays, so that it is the same on every server; the index alone needs the extension. It is made
once somebody has configured a model of embeddings, by whichever worker comes first.
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
from backend.core.db.connections import why_away
from backend.core.db.engine import Database

log = logs.get(__name__)

DIMENSIONS: Final = 1_536
FURTHEST: Final = 0.8
"""Cosine distance beyond which two things have nothing to do with each other."""
_LOOKED_AT: Final = 200
_ASK_AGAIN_S: Final = 60.0
_LOCK: Final = 0x6D65_616E  # "mean": any constant that no one else takes

_HAS_TYPE: Final = text("select to_regtype('halfvec') is not null")
_IS_OFFERED: Final = text("select exists (select from pg_available_extensions where name = 'vector')")
_MAKE: Final = (
    text("set local statement_timeout = 0"),
    text("create extension if not exists vector"),
    text(f"""
    create index if not exists ix_memory_vectors_nearest on memory_vectors
    using hnsw ((cast(embedding as halfvec({DIMENSIONS}))) halfvec_cosine_ops)
    """),
)
_TRY_LOCK: Final = text("select pg_try_advisory_xact_lock(:key)")
_GO_ON_LOOKING: Final = text("set local hnsw.iterative_scan = 'relaxed_order'")  # past rows of other projects


class Meaning(NamedTuple):
    """What a text means to a model of embeddings."""

    model: str
    embedding: Sequence[float]

    async def nearest(
        self, session: AsyncSession, fits: str, values: dict[str, Any], *, most: int
    ) -> Sequence[UUID]:
        """The records nearest to it, of those that fit; `session` is a transaction."""
        await session.execute(_GO_ON_LOOKING)
        query = text(f"""
        with near as materialized (
          select v.memory_id,
                 cast(v.embedding as halfvec({DIMENSIONS})) <=> cast(:meant as halfvec({DIMENSIONS})) as distance
          from memory_vectors v where v.project_id = :project_id and v.model = :model
          order by cast(v.embedding as halfvec({DIMENSIONS})) <=> cast(:meant as halfvec({DIMENSIONS}))
          limit {_LOOKED_AT}
        )
        select m.id from near join memory_records m on m.id = near.memory_id
        where near.distance < {FURTHEST} and m.project_id = :project_id and {fits} order by near.distance limit :most
        """)  # noqa: S608 - interpolated values are constants of ours
        meant = "[" + ",".join(f"{number:.6g}" for number in self.embedding) + "]"
        given = {**values, "meant": meant, "model": self.model, "most": most}
        return [row.id for row in (await session.execute(query, given)).all()]


_known: dict[int, tuple[float, bool]] = {}


async def are_ready(database: Database) -> bool:
    """Whether the database can compare vectors; asked now and then until it can."""
    until, ready = _known.get(id(database), (0.0, False))
    if ready or time.monotonic() < until:
        return ready
    async with database.glance() as session:
        ready = bool((await session.execute(_HAS_TYPE)).scalar_one())
    _known[id(database)] = (time.monotonic() + _ASK_AGAIN_S, ready)
    return ready


async def prepare(database: Database) -> bool:
    """Make the extension and the index if they are not there; False when the server has none or does not let us."""
    try:
        async with database.transaction() as session:
            if not (await session.execute(_TRY_LOCK, {"key": _LOCK})).scalar_one():
                return await are_ready(database)
            if not (await session.execute(_IS_OFFERED)).scalar_one():
                return False
            for statement in _MAKE:
                await session.execute(statement)
    except DBAPIError as error:
        log.warning("memory is not searched by meaning: pgvector cannot be made ready", why=why_away(error))
        return False
    forget(database)
    return True


def forget(database: Database) -> None:
    """Look anew whether the database can compare vectors."""
    _known.pop(id(database), None)
