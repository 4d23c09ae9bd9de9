"""Routes of the kernels of notebooks."""

from __future__ import annotations

from backend.money.pricing import PriceList

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from backend.identity.auth import permissions
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.authoring.drafts import reading as drafts
from backend.identity.idempotency.dependencies import OnceDep
from backend.authoring.notebooks import kernels, opening, reading
from backend.authoring.notebooks.schemas import CellsUpdate, KernelCreate, KernelRead, NotebookOpen, NotebookRead

router = APIRouter(route_class=AuthorizedRoute, tags=["notebooks"])

MAX_WAIT_S = 25.0


@router.get("/notebooks/kernels")
@permissions.needs("jobs:read")
async def list_kernels(principal: PrincipalDep, session: SessionDep) -> list[KernelRead]:
    """The kernels of the project's notebooks that live, newest first, without their cells."""
    return await reading.list_(session, principal)


@router.post("/notebooks/kernels", status_code=201, response_model=KernelRead)
@permissions.needs("deployments:write", "jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def start_kernel(
    *, asked: KernelCreate, principal: PrincipalDep, session: SessionDep, context: ContextDep, once: OnceDep
) -> Response:
    """Start the caller's kernel for a notebook of the working copy, or get the one that lives.

    It is a job, with the limits and the sandbox of one. It has the working copy's files and packages as they are now.
    """

    async def make() -> KernelRead:
        kernels.require_writer(principal)
        pack = await drafts.begin(session, principal, asked.skillpack, storage=context.storage)
        kernel_id = await kernels.start(
            session,
            principal,
            pack,
            asked.path,
            most=context.settings.notebook_kernels,
            most_s=context.settings.notebook_kernel_s,
            prices=PriceList.of(context.settings),
            most_queued=context.settings.max_queued_jobs,
            storage=context.storage,
            quotas=context.settings.quotas,
        )
        return await reading.look(session, principal, kernel_id)

    return await once.answer(session, principal, make)


@router.get("/notebooks/kernels/{kernel_id}")
@permissions.needs("jobs:read")
async def get_kernel(
    kernel_id: UUID,
    principal: PrincipalDep,
    context: ContextDep,
    after: Annotated[int, Query(ge=0, description="The revision that is known.")] = 0,
    wait_s: Annotated[
        float, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for something newer.")
    ] = 0.0,
) -> KernelRead:
    """The kernel, and the cells that have changed after that revision."""
    return await reading.wait(
        context.database, context.wakeups, principal, kernel_id, seen=None, after=after, wait_s=wait_s
    )


@router.post("/notebooks/kernels/{kernel_id}/cells", status_code=201, response_model=KernelRead)
@permissions.needs("deployments:write", "jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def run_cells(
    *, kernel_id: UUID, asked: CellsUpdate, principal: PrincipalDep, session: SessionDep, once: OnceDep
) -> Response:
    """Have the kernel run cells, behind those that wait already."""

    async def make() -> KernelRead:
        await kernels.queue_cells(session, principal, kernel_id, asked.cells)
        kernel = await kernels.find(session, principal, kernel_id)
        return await reading.look(session, principal, kernel_id, after=kernel.revision - 1)

    return await once.answer(session, principal, make)


@router.post("/notebooks/kernels/{kernel_id}/interrupt", status_code=204)
@permissions.needs("deployments:write", "jobs:submit", role=Role.DEVELOPER)
async def interrupt_kernel(kernel_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Interrupt the cell that runs, and drop those that wait; variables stay."""
    await kernels.interrupt(session, principal, kernel_id)


@router.post("/notebooks/kernels/{kernel_id}/restart", status_code=204)
@permissions.needs("deployments:write", "jobs:submit", role=Role.DEVELOPER)
async def restart_kernel(kernel_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Begin with a new Python process: variables are gone, and cells that wait are dropped."""
    await kernels.restart(session, principal, kernel_id)


@router.delete("/notebooks/kernels/{kernel_id}", status_code=204)
@permissions.needs("deployments:write", "jobs:submit", role=Role.DEVELOPER)
async def stop_kernel(kernel_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """End the kernel for good."""
    await kernels.stop(session, principal, kernel_id)


@router.post("/notebooks/opened", status_code=201, response_model=NotebookRead)
@permissions.needs("deployments:write", role=Role.DEVELOPER)
async def open_as_notebook(
    *, asked: NotebookOpen, principal: PrincipalDep, session: SessionDep, context: ContextDep, once: OnceDep
) -> Response:
    """Put a job that has ended into the working copy as a notebook, its inputs and its steps as cells; or inputs."""

    async def make() -> NotebookRead:
        pack = await opening.pack_of(session, principal, asked, storage=context.storage)
        if asked.job_id is not None:
            path = await opening.open_job(session, principal, pack, asked.job_id)
        else:
            path = await opening.open_inputs(session, principal, pack, asked.skill or "", asked.inputs)
        return NotebookRead(path=path, skillpack=pack.slug)

    return await once.answer(session, principal, make)
