"""Read and write the state of a kernel for the worker that runs it. A lost attempt cannot change anything."""

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
class KernelAttempt:
    """The attempt that runs a kernel."""

    kernel_id: UUID
    project_id: UUID
    attempt: int


class NextCell(NamedTuple):
    """The next cell to run."""

    id: UUID
    code: str


class KernelRequests(NamedTuple):
    """The requests of users to a kernel."""

    interrupts: int
    restarts: int
    cell: NextCell | None
    """None: no cell waits."""
    boots: int
    """The number of Python processes that have started in it."""


_REQUESTS: Final = text("""
select k.interrupts, k.restarts, k.boots, c.id, c.code
from notebook_kernels k left join lateral (
  select c.id, c.code from notebook_cells c where c.kernel_id = k.id and c.status = 'queued' order by c.number limit 1
) c on true
where k.id = :kernel_id and k.project_id = :project_id
""")
_IS_CURRENT: Final = """
exists (select from jobs j
        where j.id = k.id and j.project_id = :project_id and j.status = 'running' and j.attempt = :attempt)
"""
_RECORD_BOOT: Final = text(f"""
update notebook_kernels k set boots = k.boots + 1, said = coalesce(nullif(cast(:message as text), ''), k.said),
  revision = k.revision + 1
where k.id = :kernel_id and k.project_id = :project_id and {_IS_CURRENT} returning k.id
""")  # noqa: S608 - the one interpolated value is a constant
_START_CELL: Final = text(f"""
with kernel as (
  update notebook_kernels k set revision = k.revision + 1
  where k.id = :kernel_id and k.project_id = :project_id and {_IS_CURRENT} returning k.id, k.revision
)
update notebook_cells c set status = 'running', started_at = clock_timestamp(), revision = kernel.revision
from kernel where c.id = :cell_id and c.kernel_id = kernel.id and c.status in ('queued', 'running') returning c.id
""")  # noqa: S608
_STORE_OUTPUTS: Final = text(f"""
with kernel as (
  update notebook_kernels k set revision = k.revision + 1
  where k.id = :kernel_id and k.project_id = :project_id and {_IS_CURRENT} returning k.id, k.revision
), cell as (
  update notebook_cells c
  set status = cast(:status as text), count = cast(:count as int), outputs = cast(:outputs as jsonb),
      revision = kernel.revision,
      ended_at = case when cast(:status as text) = 'running' then null else clock_timestamp() end
  from kernel where c.id = :cell_id and c.kernel_id = kernel.id
)
update notebook_cells c set status = 'dropped', revision = kernel.revision
from kernel where cast(:drops as boolean) and c.kernel_id = kernel.id and c.status = 'queued' and c.id <> :cell_id
returning c.id
""")  # noqa: S608


async def read_requests(database: Database, attempt: KernelAttempt) -> KernelRequests:
    """Return what is requested of the kernel now."""
    values = {"kernel_id": attempt.kernel_id, "project_id": attempt.project_id}
    async with database.reading() as session:
        row = (await session.execute(_REQUESTS, values)).one()
    cell = None if row.id is None else NextCell(row.id, row.code)
    return KernelRequests(row.interrupts, row.restarts, cell, row.boots)


async def record_boot(database: Database, attempt: KernelAttempt, message: str) -> None:
    """Record the start of a Python process.

    Args:
        database: The database.
        attempt: The attempt that runs the kernel.
        message: Why it started; empty for the first one, which keeps the earlier message.
    """
    await _write(database, attempt, _RECORD_BOOT, message=message)


async def start_cell(database: Database, attempt: KernelAttempt, cell_id: UUID) -> bool:
    """Mark the cell as running; return False if it was dropped meanwhile."""
    return bool(await _write(database, attempt, _START_CELL, cell_id=cell_id))


async def store_outputs(
    database: Database,
    attempt: KernelAttempt,
    cell_id: UUID,
    *,
    status: str,
    count: int | None,
    outputs: Sequence[dict[str, Any]],
) -> None:
    """Store the outputs of a cell, interim or final; after a failed cell, the waiting cells are dropped."""
    await _write(
        database,
        attempt,
        _STORE_OUTPUTS,
        cell_id=cell_id,
        status=status,
        count=count,
        outputs=storable(list(outputs)),
        drops=status in ("error", "interrupted"),
    )


async def _write(database: Database, attempt: KernelAttempt, statement: Any, **values: Any) -> Sequence[Any]:
    parameters = {
        "kernel_id": attempt.kernel_id,
        "project_id": attempt.project_id,
        "attempt": attempt.attempt,
        **values,
    }
    async with database.transaction() as session:
        result = await session.execute(statement, parameters)
        notifications.note(session, notifications.EventNotification(attempt.kernel_id, 0))
        return result.all()
