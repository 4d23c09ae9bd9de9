"""Search records: exact keys, words and meaning each produce a ranking, and the rankings are fused.

They are fused by reciprocal rank: a record gets the weight of each ranking divided by its rank in it. Newer, more
important and pinned records count more. A search without criteria returns the newest records.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.context import AppContext
from backend.core.clock import now
from backend.data.memory.embedding import meaning_of
from backend.data.memory.identity import as_key
from backend.data.memory.schemas import MemoryFound, MemoryRead, MemoryResults, MemorySearch
from backend.data.memory.scoping import IN_REACH, READ, Reach, reach_of, records
from backend.data.memory.tables import MemoryRecord
from backend.data.memory.vectors import Meaning
from backend.identity.auth.principal import Principal, Role

RRF_K: Final = 60
WEIGHTS: Final = {"exact": 1.0, "vector": 0.9, "words": 0.7, "newest": 0.7}
HALF_LIVES_DAYS: Final = {"episodic": 14.0, "semantic": 60.0, "procedural": 90.0}
MIN_RECENCY: Final = 0.35
PINNED_FACTOR: Final = 1.15
MAX_RANKED: Final = 50
"""Records of each ranking."""
_MAX_CANDIDATES: Final = 300
"""Records that contain one of the words and are ranked; those that contain all come first."""

FITS: Final = f"""{IN_REACH} and m.forgotten_at is null and m.superseded_by is null
  and (cast(:kind as text) is null or m.kind = cast(:kind as text))
  and (cast(:mtype as text) is null or m.mtype = cast(:mtype as text))
  and (cast(:scope as text) is null or m.scope = cast(:scope as text))"""
"""SQL condition for rows `m` of the project that a search may find."""

_EXACT: Final = text(f"""
select m.id from memory_records m where m.names @> cast(:names as text[]) and m.project_id = :project_id and {FITS}
order by m.updated_at desc limit {MAX_RANKED}
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
    where m.words @@ wanted.all_here and m.project_id = :project_id and {FITS} limit {_MAX_CANDIDATES}) m
  union
  select m.id from wanted, lateral (
    select m.id from memory_records m
    where m.words @@ wanted.any_here and m.project_id = :project_id and {FITS} limit {_MAX_CANDIDATES}) m
)
select m.id from found join memory_records m on m.id = found.id and m.project_id = :project_id, wanted
order by ts_rank(m.words, wanted.any_of, 1) desc, m.updated_at desc limit {MAX_RANKED}
""")  # noqa: S608 - interpolated values are constants
_NEWEST: Final = text(f"""
select m.id from memory_records m where m.project_id = :project_id and {FITS}
order by m.updated_at desc, m.id desc limit {MAX_RANKED}
""")  # noqa: S608 - interpolated values are constants


class Ranks(NamedTuple):
    """One ranking of records."""

    name: str
    ids: Sequence[UUID]


async def search(context: AppContext, principal: Principal, request: MemorySearch) -> MemoryResults:
    """Return the records that match, best first.

    The query is embedded before the transaction starts, so that no connection is held meanwhile.

    Raises:
        NotAllowed: The principal lacks the role or the scope.
        BadMemory: The key is invalid.
    """
    principal.require(Role.VIEWER, READ)  # before a request is sent to the embedding model
    meaning = await meaning_of(context, request.query)
    async with context.database.transaction() as session:
        return await _search(session, principal, request, meaning)


async def _search(
    session: AsyncSession, principal: Principal, request: MemorySearch, meaning: Meaning | None
) -> MemoryResults:
    reach = await reach_of(session, principal)
    orders = await _orders(session, reach, request, meaning)
    scores = fused(orders)
    query = records(principal, reach).where(col(MemoryRecord.id).in_(scores))
    time = now()
    found = [
        _result(row, scores[row.id], time, request.content_hash)
        for row in (await session.scalars(query)).all()
    ]
    found.sort(key=lambda one: (-one.score, str(one.id)))
    return MemoryResults(
        count=len(found[: request.limit]), results=found[: request.limit], is_semantic=meaning is not None
    )


def fused(orders: Sequence[Ranks]) -> dict[UUID, float]:
    """Return the fused score of every record of the rankings."""
    scores: dict[UUID, float] = {}
    for order in orders:
        for rank, record_id in enumerate(order.ids, start=1):
            scores[record_id] = scores.get(record_id, 0.0) + WEIGHTS[order.name] / (RRF_K + rank)
    return scores


def weight_of(row: MemoryRecord, time: datetime) -> float:
    """Return the factor of a record's score for its age, importance and pin."""
    age_days = max(0.0, (time - row.updated_at).total_seconds() / 86_400)
    recency = max(MIN_RECENCY, 0.5 ** (age_days / HALF_LIVES_DAYS[row.mtype]))
    return float(recency * (0.5 + row.importance) * (PINNED_FACTOR if row.pinned else 1.0))


async def _orders(
    session: AsyncSession, reach: Reach, request: MemorySearch, meaning: Meaning | None
) -> list[Ranks]:
    values: dict[str, Any] = {**reach.as_values(), **request.model_dump(include={"kind", "mtype", "scope"})}
    names = [as_key(request.key, path="key")] if request.key else []
    names += [request.content_hash] if request.content_hash else []
    orders = []
    for name in names:  # one ranking for each, so that a record with both comes first
        qualified_names = [f"{reach.project_id}|{name}"]
        orders.append(Ranks("exact", await _ids(session, _EXACT, {**values, "names": qualified_names})))
    if request.query and request.query.strip():
        query_values = {**values, "query": request.query, "project_id": reach.project_id}
        orders.append(Ranks("words", await _ids(session, _WORDS, query_values)))
        if meaning is not None:
            orders.append(Ranks("vector", await meaning.nearest(session, FITS, values, limit=MAX_RANKED)))
    if not orders:
        orders.append(Ranks("newest", await _ids(session, _NEWEST, values)))
    return orders


async def _ids(session: AsyncSession, statement: Any, values: dict[str, Any]) -> Sequence[UUID]:
    return [row.id for row in (await session.execute(statement, values)).all()]


def is_of_other_content(row: MemoryRecord, content_hash: str | None) -> bool:
    """Return whether a record was made from other content than that of the hash, as far as both are known."""
    return None not in (row.content_hash, content_hash) and row.content_hash != content_hash


def _result(row: MemoryRecord, score: float, time: datetime, content_hash: str | None) -> MemoryFound:
    is_fresh = (row.stale_at is None or row.stale_at > time) and not is_of_other_content(row, content_hash)
    fields = MemoryRead.model_validate(row).model_dump()
    return MemoryFound(**fields, score=round(score * weight_of(row, time), 6), fresh=is_fresh)
