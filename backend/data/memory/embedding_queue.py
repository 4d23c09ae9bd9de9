"""Finding out what records mean, behind their writers' backs: a write never waits for a model of embeddings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.core import logs
from backend.core.background_tasks import PeriodicTask
from backend.core.db.connections import why_away
from backend.core.db.engine import Database
from backend.data.memory import vectors
from backend.data.memory.embedding import Embedder, EmbeddingsRefused, EmbeddingsUnavailable

log = logs.get(__name__)

EVERY_S: Final = 5.0
AWAY_S: Final = 60.0
BATCH: Final = 32
FIRST: Final = UUID(int=0)
"""Before every project."""
_LOCK: Final = 0x6D65_6D6F  # "memo": any constant that no one else takes

_TRY_LOCK: Final = text("select pg_try_advisory_xact_lock(:key)")
_OF_ANOTHER_MODEL: Final = text("""
update memory_records set embedded_version = null
where id in (select memory_id from memory_vectors where model <> :model) and embedded_version is not null
""")
WAITING: Final = text("""
with recursive turns as (
  (select project_id, 1 as turn from memory_records
   where embedded_version is distinct from version and forgotten_at is null and project_id > :after
   order by project_id limit 1)
  union all
  select (
    select m.project_id from memory_records m
    where m.embedded_version is distinct from m.version and m.forgotten_at is null
      and m.project_id > before.project_id
    order by m.project_id limit 1
  ), before.turn + 1
  from turns before where before.project_id is not null and before.turn < :most
)
select found.* from turns
cross join lateral (
  select m.id, m.project_id, m.version, m.kind, m.entity_key, m.title, m.summary, m.tags, m.record
  from memory_records m
  where m.embedded_version is distinct from m.version and m.forgotten_at is null and m.project_id = turns.project_id
  order by m.updated_at limit :most / (select count(project_id) from turns)
) found
order by found.project_id
""")
"""The next projects that have something, each with its oldest records and all with as many of them."""
_KEEP: Final = text("""
with mark as (
  update memory_records set embedded_version = :version where id = :id and version = :version
  returning id, project_id
)
insert into memory_vectors (memory_id, project_id, model, embedding)
select id, project_id, :model, cast(:embedding as real[]) from mark where cast(:embedding as real[]) is not null
on conflict (memory_id) do update set model = excluded.model, embedding = excluded.embedding
""")


@dataclass(frozen=True, slots=True)
class Batch:
    """What was embedded together."""

    records: int = 0
    after: UUID = FIRST
    """The project behind which the next batch begins: each has its turn, so that none's flood delays the others."""
    may_be_more: bool = False


def periodic_task(database: Database, embedder: Embedder) -> PeriodicTask:
    """Return the task that embeds what was written; one process of the instance does it at a time."""
    return PeriodicTask("embedding of memory", EVERY_S, _Embedding(database, embedder).run)


class _Embedding:
    """Embeds one batch after the other."""

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._database = database
        self._embedder = embedder
        self._is_ready = False
        self._batch = Batch()

    async def run(self) -> float | None:
        """Embed the next batch; return when the one after it is due, if not after the interval."""
        try:
            self._is_ready = self._is_ready or await make_ready(self._database, self._embedder)
            if not self._is_ready:
                return AWAY_S
            self._batch = await embed_some(self._database, self._embedder, after=self._batch.after)
        except (SQLAlchemyError, OSError) as error:
            log.warning("memory was not embedded; trying again", why=why_away(error))
            return None
        except EmbeddingsUnavailable as error:
            log.warning("memory was not embedded; trying again", why=error.detail)
            return AWAY_S
        return 0.0 if self._batch.may_be_more else None


async def embed_some(database: Database, embedder: Embedder, *, after: UUID = FIRST) -> Batch:
    """Embed a batch of what waits; it is empty while another process does so.

    Raises:
        EmbeddingsUnavailable: the model does not answer.
    """
    async with database.transaction() as keeper:
        if not (await keeper.execute(_TRY_LOCK, {"key": _LOCK})).scalar_one():
            return Batch()
        async with database.transaction() as session:
            rows = (await session.execute(WAITING, {"most": BATCH, "after": after})).all()
        if rows:
            await _keep(database, embedder, rows, await _meanings(embedder, rows))
        return _batch_of(rows, after)


def _batch_of(rows: Sequence[Any], after: UUID) -> Batch:
    of_each = Counter(row.project_id for row in rows)
    if len(of_each) == BATCH:
        return Batch(len(rows), rows[-1].project_id, may_be_more=True)
    is_share_used_up = bool(rows) and max(of_each.values()) == BATCH // len(of_each)
    return Batch(len(rows), FIRST, may_be_more=is_share_used_up or after != FIRST)


async def make_ready(database: Database, embedder: Embedder) -> bool:
    """Have pgvector ready, and let what another model has embedded wait for this one; False where there is none."""
    if not await vectors.prepare(database):
        return False
    async with database.transaction() as session:
        await session.execute(_OF_ANOTHER_MODEL, {"model": embedder.model})
    return True


async def _meanings(embedder: Embedder, rows: Sequence[Any]) -> list[list[float] | None]:
    """What each row means; none for what the model does not take."""
    texts = [_words(row) for row in rows]
    try:
        return [*await embedder.embed(texts)]
    except EmbeddingsRefused as refused:
        if len(texts) == 1:
            log.warning(
                "a record of memory is found by words alone", memory_id=str(rows[0].id), why=refused.detail
            )
            return [None]
    return [one for row in rows for one in await _meanings(embedder, [row])]


async def _keep(
    database: Database, embedder: Embedder, rows: Sequence[Any], meanings: Sequence[list[float] | None]
) -> None:
    async with database.transaction() as session:
        for row, meaning in zip(rows, meanings, strict=True):
            place = {"id": row.id, "version": row.version, "model": embedder.model}
            await session.execute(_KEEP, {**place, "embedding": meaning})


def _words(row: Any) -> str:
    parts = (row.title, row.summary, row.kind, row.entity_key or "", " ".join(row.tags))
    return "\n".join([*(part for part in parts if part), json.dumps(row.record, ensure_ascii=False)])
