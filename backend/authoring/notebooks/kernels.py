"""Manage kernels of notebooks: start, queue cells, interrupt, restart and stop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from puras.bundles import SKILL_FILES
from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.authoring.drafts import publishing
from backend.authoring.drafts.reading import other_paths
from backend.authoring.notebooks.errors import (
    KernelEnded,
    KernelNotFound,
    KernelNotOnKey,
    TooManyCells,
    TooManyKernels,
)
from backend.authoring.notebooks.schemas import CellRun
from backend.authoring.notebooks.tables import NotebookCell, NotebookKernel
from backend.config.quotas import Quotas
from backend.core import extras, notifications
from backend.core.errors import Problem
from backend.execution.jobs import cancel
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.execution.jobs.tables import Job
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.money.pricing import PriceList
from backend.publishing import push
from backend.skills.bundles.inline_skills import NOTEBOOK
from backend.skills.job_limits import JobLimits
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage

MAX_QUEUED_CELLS: Final = 500
"""Maximum queued cells of one kernel."""
MAX_MESSAGE_CHARACTERS: Final = 2_000
MAX_STORED_CELLS: Final = 300
"""Maximum runs of cells that are stored for one kernel; the notebook contains their outputs."""
_LOCK: Final = 0x6B65_726E  # "kern"
_SERIALIZE_STARTS: Final = text("select pg_advisory_xact_lock(:key, hashtext(cast(:project_id as text)))")


def require_writer(principal: Principal) -> None:
    """Reject a principal that may not run its own code.

    Raises:
        NotAllowed: The role or the key does not allow it.
    """
    principal.require(Role.DEVELOPER, "jobs:submit", "deployments:write")
    if principal.kind == "publishable_key" or principal.skill_allowlist:
        raise KernelNotOnKey


async def start(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    path: str,
    *,
    max_kernels: int,
    max_duration_s: float,
    prices: PriceList,
    max_queued: int,
    storage: Storage,
    quotas: Quotas,
) -> UUID:
    """Return the user's running kernel for the notebook, or start one with the current files of the draft.

    A draft with invalid skills, or without any, is accepted: the kernel has its files and reports the problem.

    Raises:
        ExtraMissing: The packages of kernels are not installed.
        TooManyKernels: The project has the maximum number of kernels.
        Everything that `submit` raises.
    """
    require_writer(principal)
    extras.require("notebooks")
    await session.execute(_SERIALIZE_STARTS, {"key": _LOCK, "project_id": principal.project_id})
    live_kernels = await _live_kernels(session, principal)
    identity = (principal.label, pack.id, path)
    for kernel in live_kernels:
        if (kernel.owner, kernel.skillpack_id, kernel.path) == identity:
            return kernel.id
    if len(live_kernels) >= max_kernels:
        raise TooManyKernels(max_kernels, [kernel.path for kernel in live_kernels])
    files = await _files(session, principal, pack, storage, quotas)
    spec = JobSpec(
        JobCreate(
            skill=NOTEBOOK,
            source="notebook",
            metadata={"notebook": path},
            limits=JobLimits(timeout_s=max_duration_s),
        ),
        is_kernel=True,
        prices=prices,
        max_queued=max_queued,
        skillpack=str(pack.id) if files.deployment_id else None,
        deployment_id=files.deployment_id,
    )
    await _delete_ended(session, principal, pack, path)
    submitted = await submit(session, principal, spec)
    kernel = NotebookKernel(
        id=submitted.job_id,
        project_id=principal.project_id,
        skillpack_id=pack.id,
        path=path,
        owner=principal.label,
        said=files.message,
    )
    session.add(kernel)
    await session.flush()
    return kernel.id


class _Files(NamedTuple):
    """The files of the draft for a kernel."""

    deployment_id: UUID | None
    """None if the draft is empty."""
    message: str
    """The first problem of the draft."""


async def _files(
    session: AsyncSession, principal: Principal, pack: Skillpack, storage: Storage, quotas: Quotas
) -> _Files:
    names = await other_paths(session, principal, pack.id, "")
    if not names:
        return _Files(None, "")
    checked = await publishing.check(session, principal, pack)
    is_described = any(name.rpartition("/")[2] in SKILL_FILES for name in names)
    bundle = await publishing.bundle_of(session, principal, pack)
    draft = await push.push_files(
        session, principal, bundle=bundle, skillpack=str(pack.id), storage=storage, quotas=quotas
    )
    return _Files(draft.id, _problem_message(checked.problems) if is_described else "")


def _problem_message(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    first, more_count = problems[0], len(problems) - 1
    location = first.path if first.line is None else f"{first.path}, line {first.line}"
    others = f" {more_count} more; the editor lists all problems." if more_count else ""
    text = f"The kernel has the files of the draft, which is invalid. {location}: {first.message}{others}"
    return text[:MAX_MESSAGE_CHARACTERS]


async def _delete_ended(session: AsyncSession, principal: Principal, pack: Skillpack, path: str) -> None:
    """Delete the user's earlier kernels of the notebook; their outputs are in the notebook if it was saved."""
    own = visible(NotebookKernel, principal).where(
        col(NotebookKernel.owner) == principal.label,
        col(NotebookKernel.skillpack_id) == pack.id,
        col(NotebookKernel.path) == path,
    )
    for kernel in (await session.scalars(own)).all():
        await session.delete(kernel)
    await session.flush()


async def _live_kernels(session: AsyncSession, principal: Principal) -> Sequence[NotebookKernel]:
    query = visible(NotebookKernel, principal).join(
        Job, (col(Job.id) == NotebookKernel.id) & col(Job.finished_at).is_(None)
    )
    found: Sequence[NotebookKernel] = (await session.scalars(query)).all()
    return found


async def find(session: AsyncSession, principal: Principal, kernel_id: UUID) -> NotebookKernel:
    """Return the kernel.

    Raises:
        KernelNotFound: The project has no such kernel.
    """
    query = visible(NotebookKernel, principal).where(col(NotebookKernel.id) == kernel_id)
    found: NotebookKernel | None = await session.scalar(query)
    if found is None:
        raise KernelNotFound(kernel_id)
    return found


async def queue_cells(
    session: AsyncSession, principal: Principal, kernel_id: UUID, cells: Sequence[CellRun]
) -> list[UUID]:
    """Queue cells after those that are already queued, and return the IDs of their runs.

    Raises:
        KernelNotFound, KernelEnded: It does not exist or has ended.
        TooManyCells: Too many cells wait.
    """
    kernel = await _lock(session, principal, kernel_id)
    own = visible(NotebookCell, principal).where(col(NotebookCell.kernel_id) == kernel.id)
    sums = own.with_only_columns(
        func.coalesce(func.max(col(NotebookCell.number)), 0),
        func.count().filter(col(NotebookCell.status) == "queued"),
    )
    last, waiting = (await session.execute(sums)).one()
    if waiting + len(cells) > MAX_QUEUED_CELLS:
        raise TooManyCells(MAX_QUEUED_CELLS)
    kernel.revision += 1
    rows = [
        NotebookCell(
            kernel_id=kernel.id,
            project_id=kernel.project_id,
            number=last + index,
            cell=one.cell,
            code=one.code,
            revision=kernel.revision,
        )
        for index, one in enumerate(cells, start=1)
    ]
    session.add_all(rows)
    old = own.where(
        col(NotebookCell.number) <= last - MAX_STORED_CELLS,
        col(NotebookCell.status).not_in(("queued", "running")),
    )
    for row in (await session.scalars(old)).all():
        await session.delete(row)
    await session.flush()
    _notify(session, kernel)
    return [row.id for row in rows]


async def interrupt(session: AsyncSession, principal: Principal, kernel_id: UUID) -> None:
    """Interrupt the running cell as Ctrl-C does, and drop those that wait.

    Raises:
        KernelNotFound, KernelEnded: It does not exist or has ended.
    """
    kernel = await _lock(session, principal, kernel_id)
    kernel.interrupts += 1
    await _drop_waiting(session, principal, kernel)


async def restart(session: AsyncSession, principal: Principal, kernel_id: UUID) -> None:
    """End the Python process with all its variables, drop the cells that wait, and start a new process.

    Raises:
        KernelNotFound, KernelEnded: It does not exist or has ended.
    """
    kernel = await _lock(session, principal, kernel_id)
    kernel.restarts += 1
    await _drop_waiting(session, principal, kernel)


async def stop(session: AsyncSession, principal: Principal, kernel_id: UUID) -> None:
    """Stop the kernel permanently; a kernel that has ended is not changed.

    Raises:
        KernelNotFound: It does not exist.
    """
    require_writer(principal)
    kernel = await find(session, principal, kernel_id)
    await cancel.cancel_by(session, kernel.id, actor=principal.label)
    await audit.record(session, principal, "kernel.stopped", f"job:{kernel.id}", notebook=kernel.path)


async def _lock(session: AsyncSession, principal: Principal, kernel_id: UUID) -> NotebookKernel:
    """Return the running kernel and lock it, which serializes requests to it."""
    require_writer(principal)
    await find(session, principal, kernel_id)
    query = visible(NotebookKernel, principal).where(col(NotebookKernel.id) == kernel_id).with_for_update()
    kernel: NotebookKernel = (await session.scalars(query.execution_options(populate_existing=True))).one()
    own = visible(Job, principal).where(col(Job.id) == kernel_id)
    job = (await session.execute(own.with_only_columns(col(Job.status), col(Job.error)))).one()
    if job.status in ("succeeded", "failed", "cancelled"):
        raise KernelEnded(kernel_id, job.error or "it was idle for too long.")
    return kernel


async def _drop_waiting(session: AsyncSession, principal: Principal, kernel: NotebookKernel) -> None:
    kernel.revision += 1
    waiting = visible(NotebookCell, principal).where(
        col(NotebookCell.kernel_id) == kernel.id, col(NotebookCell.status) == "queued"
    )
    for row in (await session.scalars(waiting)).all():
        row.status, row.revision = "dropped", kernel.revision
    await session.flush()
    _notify(session, kernel)


def _notify(session: AsyncSession, kernel: NotebookKernel) -> None:
    """Notify the worker that runs it, and clients that follow it."""
    notifications.note(session, notifications.EventNotification(kernel.id, 0))
