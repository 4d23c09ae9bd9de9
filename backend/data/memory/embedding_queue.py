"""Embed records in the background, so that a write never waits for the embedding model."""

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
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database
from backend.data.memory import vectors
from backend.data.memory.embedding import Embedder, EmbeddingsRejected, EmbeddingsUnavailable

log = logs.get(__name__)

INTERVAL_S: Final = 5.0
RETRY_S: Final = 60.0
BATCH: Final = 32
BEFORE_ALL_PROJECTS: Final = UUID(int=0)
"""Sorts before every project."""
_LOCK: Final = 0x6D65_6D6F  # "memo": any constant that is not used elsewhere

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
"""The next projects with records to embed: the oldest records of each, the same number for all."""
_STORE: Final = text("""
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
    """The records that were embedded together."""

    records: int = 0
    after: UUID = BEFORE_ALL_PROJECTS
    """The last project of the batch. The next batch starts after it, so that no project delays the others."""
    may_be_more: bool = False


def periodic_task(database: Database, embedder: Embedder) -> PeriodicTask:
    """Return the task that embeds written records. One process of the instance runs it at a time."""
    return PeriodicTask("embedding of memory", INTERVAL_S, _Embedding(database, embedder).run)


class _Embedding:
    """Embeds one batch after another."""

    def __init__(self, database: Database, embedder: Embedder) -> None:
        self._database = database
        self._embedder = embedder
        self._is_ready = False
        self._batch = Batch()

    async def run(self) -> float | None:
        """Embed the next batch; return the delay until the next one if it differs from the interval."""
        try:
            self._is_ready = self._is_ready or await make_ready(self._database, self._embedder)
            if not self._is_ready:
                return RETRY_S
            self._batch = await embed_some(self._database, self._embedder, after=self._batch.after)
        except (SQLAlchemyError, OSError) as error:
            log.warning("memory not embedded; retrying", reason=error_summary(error))
            return None
        except EmbeddingsUnavailable as error:
            log.warning("memory not embedded; retrying", reason=error.detail)
            return RETRY_S
        return 0.0 if self._batch.may_be_more else None


async def embed_some(database: Database, embedder: Embedder, *, after: UUID = BEFORE_ALL_PROJECTS) -> Batch:
    """Embed a batch of waiting records; it is empty while another process embeds.

    Raises:
        EmbeddingsUnavailable: The model does not respond.
    """
    async with database.transaction() as lock_session:
        if not (await lock_session.execute(_TRY_LOCK, {"key": _LOCK})).scalar_one():
            return Batch()
        async with database.transaction() as session:
            rows = (await session.execute(WAITING, {"most": BATCH, "after": after})).all()
        if rows:
            await _store(database, embedder, rows, await _embeddings(embedder, rows))
        return _batch_of(rows, after)


def _batch_of(rows: Sequence[Any], after: UUID) -> Batch:
    records_by_project = Counter(row.project_id for row in rows)
    if len(records_by_project) == BATCH:
        return Batch(len(rows), rows[-1].project_id, may_be_more=True)
    is_share_used_up = bool(rows) and max(records_by_project.values()) == BATCH // len(records_by_project)
    return Batch(len(rows), BEFORE_ALL_PROJECTS, may_be_more=is_share_used_up or after != BEFORE_ALL_PROJECTS)


async def make_ready(database: Database, embedder: Embedder) -> bool:
    """Prepare pgvector, and requeue records that another model has embedded. False: pgvector is not available."""
    if not await vectors.prepare(database):
        return False
    async with database.transaction() as session:
        await session.execute(_OF_ANOTHER_MODEL, {"model": embedder.model})
    return True


async def _embeddings(embedder: Embedder, rows: Sequence[Any]) -> list[list[float] | None]:
    """Return the embedding of each row; None for a row that the model rejects."""
    texts = [_text_of(row) for row in rows]
    try:
        return [*await embedder.embed(texts)]
    except EmbeddingsRejected as error:
        if len(texts) == 1:
            log.warning(
                "memory record is found only by words", memory_id=str(rows[0].id), reason=error.detail
            )
            return [None]
    return [one for row in rows for one in await _embeddings(embedder, [row])]


async def _store(
    database: Database, embedder: Embedder, rows: Sequence[Any], embeddings: Sequence[list[float] | None]
) -> None:
    async with database.transaction() as session:
        for row, embedding in zip(rows, embeddings, strict=True):
            values = {"id": row.id, "version": row.version, "model": embedder.model}
            await session.execute(_STORE, {**values, "embedding": embedding})


def _text_of(row: Any) -> str:
    parts = (row.title, row.summary, row.kind, row.entity_key or "", " ".join(row.tags))
    return "\n".join([*(part for part in parts if part), json.dumps(row.record, ensure_ascii=False)])
