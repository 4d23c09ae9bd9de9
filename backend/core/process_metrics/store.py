"""Metrics of all processes in the database: each process overwrites its own row; rows of ended processes are merged.

A row contains sums since the start of its process, so that writing it twice changes nothing. The counts of a killed
process since its last write, of a few seconds, are lost; nothing is counted twice.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.core.process_metrics.snapshot import Samples, Snapshot

ENDED_ID: Final = UUID(int=0)
"""The row with the sums of processes that have ended."""
MAX_GAUGE_AGE: Final = timedelta(seconds=20)
"""The gauges of a process that has not written for this time are ignored."""
FOLD_AFTER: Final = timedelta(hours=1)
"""Longer than any pause of a living process; one that writes again nevertheless starts a new row."""

_ENTER: Final = text("""
insert into process_metrics (id, role, totals, gauges, beat_at)
values (:id, :role, cast(:totals as jsonb), cast(:gauges as jsonb), now())
on conflict (id) do update set totals = excluded.totals, gauges = excluded.gauges, beat_at = excluded.beat_at
""")
_WRITE: Final = text("""
update process_metrics set totals = cast(:totals as jsonb), gauges = cast(:gauges as jsonb), beat_at = now()
where id = :id returning id
""")
_READ: Final = text("""
select e.key, sum(cast(e.value as double precision)) as value, false as is_gauge
from process_metrics p, jsonb_each_text(p.totals) e where p.id <> :except_id group by e.key
union all
select e.key, sum(cast(e.value as double precision)), true
from process_metrics p, jsonb_each_text(p.gauges) e
where p.id <> :except_id and p.beat_at > now() - cast(:fresh as interval) group by e.key
""")
_FOLD: Final = text("""
with dead as (
  delete from process_metrics where id <> :gone and beat_at < now() - cast(:fold_after as interval) returning totals
), part as (
  select totals from dead
  union all
  select totals from process_metrics where id = :gone and exists (select from dead)
), sums as (
  select e.key, sum(cast(e.value as double precision)) as value
  from part, jsonb_each_text(part.totals) e group by e.key
)
insert into process_metrics (id, role, totals, gauges, beat_at)
select :gone, 'gone', (select coalesce(jsonb_object_agg(key, value), '{}') from sums), '{}', now()
where exists (select from dead)
on conflict (id) do update set totals = excluded.totals, beat_at = excluded.beat_at
""")


@dataclass(frozen=True, slots=True)
class Sums:
    """The sums over processes."""

    totals: Samples
    gauges: Samples


async def enter(session: AnySession, process_id: UUID, role: str, numbers: Snapshot) -> None:
    """Create or overwrite the row of a process."""
    await session.execute(_ENTER, {"role": role, **_values(process_id, numbers)})


async def write(session: AnySession, process_id: UUID, numbers: Snapshot) -> bool:
    """Overwrite the row of a process; return False and store nothing if the row does not exist any more."""
    found = await session.execute(_WRITE, _values(process_id, numbers))
    return found.scalar_one_or_none() is not None


async def read(session: AnySession, *, except_id: UUID) -> Sums:
    """Return the sums over all processes except the caller's, which has newer values of its own."""
    rows = (await session.execute(_READ, {"except_id": except_id, "fresh": MAX_GAUGE_AGE})).all()
    return Sums(
        totals={row.key: row.value for row in rows if not row.is_gauge},
        gauges={row.key: row.value for row in rows if row.is_gauge},
    )


async def fold(session: AnySession) -> None:
    """Add the rows of ended processes to the row with the sums; one caller at a time."""
    await session.execute(_FOLD, {"gone": ENDED_ID, "fold_after": FOLD_AFTER})


def _values(process_id: UUID, numbers: Snapshot) -> dict[str, object]:
    return {
        "id": process_id,
        "totals": json.dumps(numbers.totals),
        "gauges": json.dumps(numbers.gauges),
    }
