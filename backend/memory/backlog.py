"""Finding out what records mean, behind their writers' backs: a write never waits for a model of embeddings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend import duties, logs
from backend.connections import why_away
from backend.db import Database
from backend.memory import vectors
from backend.memory.embedding import Embedder, EmbeddingsAway, EmbeddingsRefused

log = logs.get(__name__)

EVERY_S: Final = 5.0
AWAY_S: Final = 60.0
BATCH: Final = 32
_LOCK: Final = 0x6D65_6D6F  # "memo": any constant that no one else takes

_TRY_LOCK: Final = text("select pg_try_advisory_xact_lock(:key)")
_OF_ANOTHER_MODEL: Final = text("""
update memory_records set embedded_version = null
where id in (select memory_id from memory_vectors where model <> :model) and embedded_version is not null
""")
WAITING: Final = text("""
select id, version, kind, entity_key, title, summary, tags, record from memory_records
where embedded_version is distinct from version and forgotten_at is null order by updated_at limit :most
""")
_KEEP: Final = text("""
with mark as (
  update memory_records set embedded_version = :version where id = :id and version = :version
  returning id, project_id
)
insert into memory_vectors (memory_id, project_id, model, embedding)
select id, project_id, :model, cast(:embedding as real[]) from mark where cast(:embedding as real[]) is not null
on conflict (memory_id) do update set model = excluded.model, embedding = excluded.embedding
""")


async def keep_embedded(database: Database, embedder: Embedder) -> None:
    """Embed what was written, as long as the process lives; one process of the instance does it at a time."""
    is_ready = False
    while True:
        pause_s = EVERY_S
        with duties.round_of("embedding of memory"):
            try:
                is_ready = is_ready or await make_ready(database, embedder)
                if not is_ready:
                    pause_s = AWAY_S
                elif await embed_some(database, embedder) == BATCH:
                    pause_s = 0.0
            except (SQLAlchemyError, OSError) as error:
                log.warning("memory was not embedded; trying again", why=why_away(error))
            except EmbeddingsAway as error:
                log.warning("memory was not embedded; trying again", why=error.detail)
                pause_s = AWAY_S
        await asyncio.sleep(pause_s)


async def embed_some(database: Database, embedder: Embedder) -> int:
    """Embed a batch of what waits; says how many it was, none while another process does it.

    Raises:
        EmbeddingsAway: the model does not answer.
    """
    async with database.transaction() as keeper:
        if not (await keeper.execute(_TRY_LOCK, {"key": _LOCK})).scalar_one():
            return 0
        async with database.transaction() as session:
            rows = (await session.execute(WAITING, {"most": BATCH})).all()
        if rows:
            await _keep(database, embedder, rows, await _meanings(embedder, rows))
        return len(rows)


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
