"""What the worker that holds a kernel reads and writes of it. A write of an attempt that was lost changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text

from backend.core import notifications
from backend.core.db.engine import Database
from backend.core.jsonb import storable


@dataclass(frozen=True, slots=True)
class Held:
    """The attempt that holds a kernel."""

    kernel_id: UUID
    project_id: UUID
    attempt: int


class Next(NamedTuple):
    """A cell whose turn it is."""

    id: UUID
    code: str


class Wanted(NamedTuple):
    """What people want of a kernel."""

    interrupts: int
    restarts: int
    cell: Next | None
    """None: nothing waits."""
    boots: int
    """How often a Python process has begun in it."""


_WANTED: Final = text("""
select k.interrupts, k.restarts, k.boots, c.id, c.code
from notebook_kernels k left join lateral (
  select c.id, c.code from notebook_cells c where c.kernel_id = k.id and c.status = 'queued' order by c.number limit 1
) c on true
where k.id = :kernel_id and k.project_id = :project_id
""")
_HOLDS: Final = """
exists (select from jobs j where j.id = k.id and j.project_id = :project_id and j.status = 'running' and j.attempt = :attempt)
"""
_BOOTED: Final = text(f"""
update notebook_kernels k set boots = k.boots + 1, said = coalesce(nullif(cast(:said as text), ''), k.said), revision = k.revision + 1
where k.id = :kernel_id and k.project_id = :project_id and {_HOLDS} returning k.id
""")  # noqa: S608 - the one interpolated value is a constant
_BEGUN: Final = text(f"""
with kernel as (
  update notebook_kernels k set revision = k.revision + 1
  where k.id = :kernel_id and k.project_id = :project_id and {_HOLDS} returning k.id, k.revision
)
update notebook_cells c set status = 'running', started_at = clock_timestamp(), revision = kernel.revision
from kernel where c.id = :cell_id and c.kernel_id = kernel.id and c.status in ('queued', 'running') returning c.id
""")  # noqa: S608
_GIVEN: Final = text(f"""
with kernel as (
  update notebook_kernels k set revision = k.revision + 1
  where k.id = :kernel_id and k.project_id = :project_id and {_HOLDS} returning k.id, k.revision
), cell as (
  update notebook_cells c
  set status = cast(:status as text), count = cast(:count as int), outputs = cast(:outputs as jsonb), revision = kernel.revision,
      ended_at = case when cast(:status as text) = 'running' then null else clock_timestamp() end
  from kernel where c.id = :cell_id and c.kernel_id = kernel.id
)
update notebook_cells c set status = 'dropped', revision = kernel.revision
from kernel where cast(:drops as boolean) and c.kernel_id = kernel.id and c.status = 'queued' and c.id <> :cell_id
returning c.id
""")  # noqa: S608


async def wanted(database: Database, held: Held) -> Wanted:
    """What is wanted of the kernel now."""
    values = {"kernel_id": held.kernel_id, "project_id": held.project_id}
    async with database.reading() as session:
        row = (await session.execute(_WANTED, values)).one()
    cell = None if row.id is None else Next(row.id, row.code)
    return Wanted(row.interrupts, row.restarts, cell, row.boots)


async def booted(database: Database, held: Held, said: str) -> None:
    """A Python process has begun in it; `said` is why, and nothing for the first, so that what was said before stays."""
    await _write(database, held, _BOOTED, said=said)


async def begin(database: Database, held: Held, cell_id: UUID) -> bool:
    """Whether the cell is to run; not if it was dropped this moment."""
    return bool(await _write(database, held, _BEGUN, cell_id=cell_id))


async def give(
    database: Database,
    held: Held,
    cell_id: UUID,
    *,
    status: str,
    count: int | None,
    outputs: Sequence[dict[str, Any]],
) -> None:
    """Store what a cell has given so far, or in the end; behind one that did not end well those that wait are dropped."""
    await _write(
        database,
        held,
        _GIVEN,
        cell_id=cell_id,
        status=status,
        count=count,
        outputs=storable(list(outputs)),
        drops=status in ("error", "interrupted"),
    )


async def _write(database: Database, held: Held, statement: Any, **values: Any) -> Sequence[Any]:
    given = {"kernel_id": held.kernel_id, "project_id": held.project_id, "attempt": held.attempt, **values}
    async with database.transaction() as session:
        done = await session.execute(statement, given)
        notifications.note(session, notifications.EventNotification(held.kernel_id, 0))
        return done.all()
