"""Kernels of notebooks: started, given cells, interrupted, begun anew, stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from puras.bundles import SKILL_FILES
from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.publishing import push
from backend.core import notifications
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.bundles.inline_skills import NOTEBOOK
from backend.skills.deployments import service as deployments
from backend.authoring.drafts import publishing
from backend.authoring.drafts.reading import paths_beside
from backend.core.errors import Problem
from backend.execution.jobs import cancel
from backend.execution.jobs.schemas import JobCreate
from backend.skills.job_limits import JobLimits
from backend.execution.jobs.submit import JobSpec, submit
from backend.execution.jobs.tables import Job
from backend.money.pricing import PriceList
from backend.config.quotas import Quotas
from backend.authoring.notebooks.errors import KernelEnded, KernelNotFound, KernelNotOnKey, TooManyCells, TooManyKernels
from backend.authoring.notebooks.schemas import CellRun
from backend.authoring.notebooks.tables import NotebookCell, NotebookKernel
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage

MAX_WAITING: Final = 500
"""Cells of one kernel that wait for their turn."""
MAX_SAID: Final = 2_000
MAX_KEPT: Final = 300
"""Runs of cells that are kept of one kernel; the notebook has what they gave."""
_LOCK: Final = 0x6B65_726E  # "kern"
_ONE_STARTER: Final = text("select pg_advisory_xact_lock(:key, hashtext(cast(:project_id as text)))")


def require_writer(principal: Principal) -> None:
    """Refuse whoever may not run code of their own.

    Raises:
        NotAllowed: the role or the key does not go so far.
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
    most: int,
    most_s: float,
    prices: PriceList,
    most_queued: int,
    storage: Storage,
    quotas: Quotas,
) -> UUID:
    """The person's kernel for the notebook: the one that lives, else a new one, with the working copy as it stands.

    A working copy with invalid skills, or none, is no obstacle: the kernel has its files all the same, and says so.

    Raises:
        TooManyKernels: the project has as many as it may.
        Everything that `submit` raises.
    """
    require_writer(principal)
    await session.execute(_ONE_STARTER, {"key": _LOCK, "project_id": principal.project_id})
    living = await _living(session, principal)
    mine = (principal.label, pack.id, path)
    for kernel in living:
        if (kernel.owner, kernel.skillpack_id, kernel.path) == mine:
            return kernel.id
    if len(living) >= most:
        raise TooManyKernels(most, [kernel.path for kernel in living])
    files = await _files(session, principal, pack, storage, quotas)
    spec = JobSpec(
        JobCreate(skill=NOTEBOOK, source="notebook", metadata={"notebook": path}, limits=JobLimits(timeout_s=most_s)),
        is_kernel=True,
        prices=prices,
        max_queued=most_queued,
        skillpack=str(pack.id) if files.deployment_id else None,
        deployment_id=files.deployment_id,
    )
    await _forget_ended(session, principal, pack, path)
    submitted = await submit(session, principal, spec)
    kernel = NotebookKernel(
        id=submitted.job_id,
        project_id=principal.project_id,
        skillpack_id=pack.id,
        path=path,
        owner=principal.label,
        said=files.said,
    )
    session.add(kernel)
    await session.flush()
    return kernel.id


class _Files(NamedTuple):
    """The working copy as the kernel has it."""

    deployment_id: UUID | None
    """None where it is empty."""
    said: str
    """What is wrong with it, in a sentence."""


async def _files(
    session: AsyncSession, principal: Principal, pack: Skillpack, storage: Storage, quotas: Quotas
) -> _Files:
    names = await paths_beside(session, principal, pack.id, "")
    if not names:
        return _Files(None, "")
    checked = await publishing.check(session, principal, pack)
    is_described = any(name.rpartition("/")[2] in SKILL_FILES for name in names)
    bundle = await publishing.bundle_of(session, principal, pack)
    draft = await push.push_files(
        session, principal, bundle=bundle, skillpack=str(pack.id), storage=storage, quotas=quotas
    )
    return _Files(draft.id, _invalid(checked.problems) if is_described else "")


def _invalid(problems: Sequence[Problem]) -> str:
    if not problems:
        return ""
    first, more = problems[0], len(problems) - 1
    place = first.path if first.line is None else f"{first.path}, line {first.line}"
    others = f" {more} more: the editor lists them." if more else ""
    text = f"The kernel has the files of the working copy, which is not valid. {place}: {first.message}{others}"
    return text[:MAX_SAID]


async def _forget_ended(session: AsyncSession, principal: Principal, pack: Skillpack, path: str) -> None:
    """What the person's earlier kernels of the notebook gave is in the notebook, as far as it was kept."""
    own = visible(NotebookKernel, principal).where(
        col(NotebookKernel.owner) == principal.label,
        col(NotebookKernel.skillpack_id) == pack.id,
        col(NotebookKernel.path) == path,
    )
    for kernel in (await session.scalars(own)).all():
        await session.delete(kernel)
    await session.flush()


async def _living(session: AsyncSession, principal: Principal) -> Sequence[NotebookKernel]:
    query = visible(NotebookKernel, principal).join(
        Job, (col(Job.id) == NotebookKernel.id) & col(Job.finished_at).is_(None)
    )
    found: Sequence[NotebookKernel] = (await session.scalars(query)).all()
    return found


async def find(session: AsyncSession, principal: Principal, kernel_id: UUID) -> NotebookKernel:
    """The kernel.

    Raises:
        KernelNotFound: the project has none such.
    """
    query = visible(NotebookKernel, principal).where(col(NotebookKernel.id) == kernel_id)
    found: NotebookKernel | None = await session.scalar(query)
    if found is None:
        raise KernelNotFound(kernel_id)
    return found


async def queue_cells(
    session: AsyncSession, principal: Principal, kernel_id: UUID, cells: Sequence[CellRun]
) -> list[UUID]:
    """Have the kernel run these cells behind those that wait already; gives the ids of the runs.

    Raises:
        KernelNotFound, KernelEnded: it is not there, or not any more.
        TooManyCells: too many wait.
    """
    kernel = await _held(session, principal, kernel_id)
    own = visible(NotebookCell, principal).where(col(NotebookCell.kernel_id) == kernel.id)
    sums = own.with_only_columns(
        func.coalesce(func.max(col(NotebookCell.number)), 0),
        func.count().filter(col(NotebookCell.status) == "queued"),
    )
    last, waiting = (await session.execute(sums)).one()
    if waiting + len(cells) > MAX_WAITING:
        raise TooManyCells(MAX_WAITING)
    kernel.revision += 1
    rows = [
        NotebookCell(
            kernel_id=kernel.id,
            project_id=kernel.project_id,
            number=last + at,
            cell=one.cell,
            code=one.code,
            revision=kernel.revision,
        )
        for at, one in enumerate(cells, start=1)
    ]
    session.add_all(rows)
    old = own.where(
        col(NotebookCell.number) <= last - MAX_KEPT, col(NotebookCell.status).not_in(("queued", "running"))
    )
    for row in (await session.scalars(old)).all():
        await session.delete(row)
    await session.flush()
    _ring(session, kernel)
    return [row.id for row in rows]


async def interrupt(session: AsyncSession, principal: Principal, kernel_id: UUID) -> None:
    """Interrupt the cell that runs, as Ctrl-C does, and drop those that wait.

    Raises:
        KernelNotFound, KernelEnded: it is not there, or not any more.
    """
    kernel = await _held(session, principal, kernel_id)
    kernel.interrupts += 1
    await _drop_waiting(session, principal, kernel)


async def restart(session: AsyncSession, principal: Principal, kernel_id: UUID) -> None:
    """End the Python process with all its variables, drop the cells that wait, and begin a new one.

    Raises:
        KernelNotFound, KernelEnded: it is not there, or not any more.
    """
    kernel = await _held(session, principal, kernel_id)
    kernel.restarts += 1
    await _drop_waiting(session, principal, kernel)


async def stop(session: AsyncSession, principal: Principal, kernel_id: UUID) -> None:
    """End the kernel for good; one that has ended stays so.

    Raises:
        KernelNotFound: it is not there.
    """
    require_writer(principal)
    kernel = await find(session, principal, kernel_id)
    await cancel.cancel_by(session, kernel.id, actor=principal.label)
    await audit.record(session, principal, "kernel.stopped", f"job:{kernel.id}", notebook=kernel.path)


async def _held(session: AsyncSession, principal: Principal, kernel_id: UUID) -> NotebookKernel:
    """The living kernel; what is asked of it comes one after the other."""
    require_writer(principal)
    await find(session, principal, kernel_id)
    query = visible(NotebookKernel, principal).where(col(NotebookKernel.id) == kernel_id).with_for_update()
    kernel: NotebookKernel = (
        await session.scalars(query.execution_options(populate_existing=True))
    ).one()
    own = visible(Job, principal).where(col(Job.id) == kernel_id)
    job = (await session.execute(own.with_only_columns(col(Job.status), col(Job.error)))).one()
    if job.status in ("succeeded", "failed", "cancelled"):
        raise KernelEnded(kernel_id, job.error or "it was idle for long.")
    return kernel


async def _drop_waiting(session: AsyncSession, principal: Principal, kernel: NotebookKernel) -> None:
    kernel.revision += 1
    waiting = visible(NotebookCell, principal).where(
        col(NotebookCell.kernel_id) == kernel.id, col(NotebookCell.status) == "queued"
    )
    for row in (await session.scalars(waiting)).all():
        row.status, row.revision = "dropped", kernel.revision
    await session.flush()
    _ring(session, kernel)


def _ring(session: AsyncSession, kernel: NotebookKernel) -> None:
    """Wake the worker that holds it, and whoever looks on."""
    notifications.note(session, notifications.EventNotification(kernel.id, 0))
