"""Finding what is remembered: exact keys, words and meaning each give an order, and the orders are fused.

Fused by reciprocal ranks: a record gets the weight of each order divided by its place in it. What is newer, more
important or pinned counts more. A search without anything to look for gives the newest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.data.memory.identity import as_key
from backend.data.memory.schemas import MemoryFound, MemoryRead, MemoryResults, MemorySearch
from backend.data.memory.scoping import IN_REACH, Reach, reach_of, records
from backend.data.memory.tables import MemoryRecord
from backend.data.memory.vectors import Meaning
from backend.identity.auth.principal import Principal

RRF_K: Final = 60
WEIGHTS: Final = {"exact": 1.0, "vector": 0.9, "words": 0.7, "newest": 0.7}
HALF_LIVES_DAYS: Final = {"episodic": 14.0, "semantic": 60.0, "procedural": 90.0}
LEAST_RECENCY: Final = 0.35
PINNED: Final = 1.15
PLACES: Final = 50
"""Of each order."""
_LOOKED_AT: Final = 300
"""Records that have one of the words and are ranked; those that have all come first."""

FITS: Final = f"""{IN_REACH} and m.forgotten_at is null and m.superseded_by is null
  and (cast(:kind as text) is null or m.kind = cast(:kind as text))
  and (cast(:mtype as text) is null or m.mtype = cast(:mtype as text))
  and (cast(:scope as text) is null or m.scope = cast(:scope as text))"""
"""SQL of the project's rows `m` that a search may find."""

_EXACT: Final = text(f"""
select m.id from memory_records m where m.names @> cast(:names as text[]) and m.project_id = :project_id and {FITS}
order by m.updated_at desc limit {PLACES}
""")  # noqa: S608 - interpolated values are constants
_WORDS: Final = text(f"""
with asked as (
  select string_agg('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''', ' | ') as any_of,
         string_agg('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''', ' & ') as all_of
  from (select lexeme from unnest(to_tsvector('english', :query)) limit 64) one
), wanted as (
  select cast(any_of as tsquery) as any_of,
         cast('''project:' || :project_id || '''' as tsquery) && cast(any_of as tsquery) as any_here,
         cast('''project:' || :project_id || '''' as tsquery) && cast(all_of as tsquery) as all_here
  from asked where any_of is not null
), found as (
  select m.id from wanted, lateral (
    select m.id from memory_records m
    where m.words @@ wanted.all_here and m.project_id = :project_id and {FITS} limit {_LOOKED_AT}) m
  union
  select m.id from wanted, lateral (
    select m.id from memory_records m
    where m.words @@ wanted.any_here and m.project_id = :project_id and {FITS} limit {_LOOKED_AT}) m
)
select m.id from found join memory_records m on m.id = found.id and m.project_id = :project_id, wanted
order by ts_rank(m.words, wanted.any_of, 1) desc, m.updated_at desc limit {PLACES}
""")  # noqa: S608 - interpolated values are constants
_NEWEST: Final = text(f"""
select m.id from memory_records m where m.project_id = :project_id and {FITS}
order by m.updated_at desc, m.id desc limit {PLACES}
""")  # noqa: S608 - interpolated values are constants


class Ranks(NamedTuple):
    """One order of records."""

    name: str
    ids: Sequence[UUID]


async def search(
    session: AsyncSession, principal: Principal, asked: MemorySearch, *, meaning: Meaning | None = None
) -> MemoryResults:
    """What fits, best first; `meaning` is what the query means, where that is known.

    Raises:
        NotAllowed: the principal may not.
        BadMemory: the key cannot be one.
    """
    reach = await reach_of(session, principal)
    orders = await _orders(session, reach, asked, meaning)
    scores = fused(orders)
    query = records(principal, reach).where(col(MemoryRecord.id).in_(scores))
    at = now()
    found = [
        _found(row, scores[row.id], at, asked.content_hash) for row in (await session.scalars(query)).all()
    ]
    found.sort(key=lambda one: (-one.score, str(one.id)))
    return MemoryResults(
        count=len(found[: asked.limit]), results=found[: asked.limit], by_meaning=meaning is not None
    )


def fused(orders: Sequence[Ranks]) -> dict[UUID, float]:
    """The fused score of every record of the orders."""
    scores: dict[UUID, float] = {}
    for order in orders:
        for place, record_id in enumerate(order.ids, start=1):
            scores[record_id] = scores.get(record_id, 0.0) + WEIGHTS[order.name] / (RRF_K + place)
    return scores


def weight_of(row: MemoryRecord, at: datetime) -> float:
    """What a record's age, importance and pin make of its score."""
    age_days = max(0.0, (at - row.updated_at).total_seconds() / 86_400)
    recency = max(LEAST_RECENCY, 0.5 ** (age_days / HALF_LIVES_DAYS[row.mtype]))
    return float(recency * (0.5 + row.importance) * (PINNED if row.pinned else 1.0))


async def _orders(
    session: AsyncSession, reach: Reach, asked: MemorySearch, meaning: Meaning | None
) -> list[Ranks]:
    values: dict[str, Any] = {**reach.as_values(), **asked.model_dump(include={"kind", "mtype", "scope"})}
    names = [as_key(asked.key, path="key")] if asked.key else []
    names += [asked.content_hash] if asked.content_hash else []
    orders = []
    for name in names:  # an order for each, so that a record which has both comes first
        named = [f"{reach.project_id}|{name}"]
        orders.append(Ranks("exact", await _ids(session, _EXACT, {**values, "names": named})))
    if asked.query and asked.query.strip():
        given = {**values, "query": asked.query, "project_id": reach.project_id}
        orders.append(Ranks("words", await _ids(session, _WORDS, given)))
        if meaning is not None:
            orders.append(Ranks("vector", await meaning.nearest(session, FITS, values, most=PLACES)))
    if not orders:
        orders.append(Ranks("newest", await _ids(session, _NEWEST, values)))
    return orders


async def _ids(session: AsyncSession, statement: Any, values: dict[str, Any]) -> Sequence[UUID]:
    return [row.id for row in (await session.execute(statement, values)).all()]


def is_of_other_content(row: MemoryRecord, content_hash: str | None) -> bool:
    """Return whether a record was made from other content than that of the hash, as far as both are known."""
    return None not in (row.content_hash, content_hash) and row.content_hash != content_hash


def _found(row: MemoryRecord, score: float, at: datetime, content_hash: str | None) -> MemoryFound:
    is_fresh = (row.stale_at is None or row.stale_at > at) and not is_of_other_content(row, content_hash)
    shown = MemoryRead.model_validate(row).model_dump()
    return MemoryFound(**shown, score=round(score * weight_of(row, at), 6), fresh=is_fresh)
