"""Read kernels of notebooks: their status, and what has changed in their cells."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.authoring.notebooks.kernels import find
from backend.authoring.notebooks.schemas import CellRead, EndReason, KernelRead, KernelStatus
from backend.authoring.notebooks.tables import NotebookCell, NotebookKernel
from backend.core.db.engine import Database
from backend.core.wakeups import WakeUpListener
from backend.execution.events import queries as events
from backend.execution.events.types import EnvironmentEvent, decode
from backend.execution.jobs import queries as jobs
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, Role, visible

POLL_S: Final = 1.0
"""A kernel is read again at least this often, with or without a notification."""
MAX_LISTED: Final = 200
MAX_ENVIRONMENT_EVENTS: Final = 1_000
"""Events of a starting kernel that are read for its progress."""
MAX_LINE: Final = 300
_ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})
_ENDED_BY: Final[dict[str, EndReason]] = {"succeeded": "idle", "cancelled": "stopped", "failed": "failed"}
_LOST: Final = frozenset({"worker_lost", "kernel_lost"})


async def list_(session: AsyncSession, principal: Principal) -> list[KernelRead]:
    """Return the project's running kernels, newest first, without their cells."""
    principal.require(Role.VIEWER, "jobs:read")
    query = visible(NotebookKernel, principal).join(
        Job, (col(Job.id) == NotebookKernel.id) & col(Job.finished_at).is_(None)
    )
    query = query.order_by(col(NotebookKernel.created_at).desc()).limit(MAX_LISTED)
    kernels = (await session.scalars(query)).all()
    return [await _kernel_read(session, principal, kernel, after=kernel.revision) for kernel in kernels]


async def read_kernel(
    session: AsyncSession, principal: Principal, kernel_id: UUID, *, after: int = 0
) -> KernelRead:
    """Return the kernel with the cells that have changed after the revision `after`.

    Raises:
        KernelNotFound: The project has no such kernel.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    return await _kernel_read(session, principal, await find(session, principal, kernel_id), after=after)


async def wait(
    database: Database,
    wakeups: WakeUpListener,
    principal: Principal,
    kernel_id: UUID,
    *,
    last: KernelRead | None,
    after: int,
    wait_s: float,
) -> KernelRead:
    """Return the kernel after its next change, or after `wait_s`; hold no connection meanwhile."""
    with wakeups.subscribe(kernel_id) as subscription:
        while True:
            async with database.transaction() as session:
                view = await read_kernel(session, principal, kernel_id, after=after)
            last = last or view
            is_new = view.revision > after or (view.status, view.reason) != (last.status, last.reason)
            if is_new or wait_s <= 0 or view.status == "ended":
                return view
            timeout_s = min(wait_s, POLL_S)
            await subscription.wait(timeout_s)
            wait_s -= timeout_s


async def _kernel_read(
    session: AsyncSession, principal: Principal, kernel: NotebookKernel, *, after: int
) -> KernelRead:
    job = await jobs.get_job(session, principal, kernel.id)
    query = visible(NotebookCell, principal).where(
        col(NotebookCell.kernel_id) == kernel.id,
        (col(NotebookCell.revision) > after) | col(NotebookCell.status).in_(("queued", "running")),
    )
    rows = (await session.scalars(query.order_by(col(NotebookCell.number)))).all()
    is_ended = job.status in _ENDED
    is_starting = not is_ended and kernel.boots == 0
    is_busy = any(row.status in ("queued", "running") for row in rows)
    shown = [row for row in rows if row.revision > after or is_ended]
    copied = ("id", "project_id", "skillpack_id", "path", "owner", "boots", "revision", "created_at")
    return KernelRead(
        **{name: getattr(kernel, name) for name in copied},
        status=_status(job, kernel, is_busy=is_busy),
        reason=await _reason(session, job, is_starting=is_starting),
        message=kernel.said,
        end_reason=_end_reason(job) if is_ended else None,
        cells=[_cell(row, is_ended=is_ended) for row in shown],
    )


def _status(job: JobRead, kernel: NotebookKernel, *, is_busy: bool) -> KernelStatus:
    if job.status in _ENDED:
        return "ended"
    if job.status != "running" or kernel.boots == 0:
        return "starting"
    return "busy" if is_busy else "idle"


async def _reason(session: AsyncSession, job: JobRead, *, is_starting: bool) -> str:
    if job.status == "succeeded":
        return str((job.result or {}).get("why", ""))
    if is_starting and job.status == "running":
        return await _installing(session, job.id)
    return job.error or job.waiting_reason or ""


async def _installing(session: AsyncSession, job_id: UUID) -> str:
    """Return the progress of the installation of its packages."""
    rows = await events.read_after(session, job_id, limit=MAX_ENVIRONMENT_EVENTS)
    output = [
        event.log for one in rows if isinstance(event := decode(one.type, one.payload), EnvironmentEvent)
    ]
    lines = "".join(output).split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"Installing the packages of requirements.txt: {last[:MAX_LINE]}" if last else ""


def _end_reason(job: JobRead) -> EndReason:
    return "lost" if job.error_code in _LOST else _ENDED_BY[job.status]


def _cell(row: NotebookCell, *, is_ended: bool) -> CellRead:
    is_lost = is_ended and row.status in ("queued", "running")
    copied: Any = {name: getattr(row, name) for name in ("id", "cell", "number", "outputs", "revision")}
    return CellRead(
        **copied,
        status="lost" if is_lost else row.status,
        execution_count=row.count,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
