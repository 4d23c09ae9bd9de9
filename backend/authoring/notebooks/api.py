"""Define the routes of kernels of notebooks."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from backend.authoring.drafts import reading as drafts
from backend.authoring.notebooks import job_notebooks, kernels, queries
from backend.authoring.notebooks.schemas import (
    CellsUpdate,
    KernelCreate,
    KernelRead,
    NotebookOpen,
    NotebookRead,
)
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.money.pricing import PriceList

router = APIRouter(route_class=AuthorizedRoute, tags=["notebooks"])

MAX_WAIT_S = 25.0


@router.get("/notebooks/kernels")
@permissions.needs("jobs:read")
async def list_kernels(principal: PrincipalDep, session: SessionDep) -> list[KernelRead]:
    """List the project's running kernels, newest first, without their cells."""
    return await queries.list_(session, principal)


@router.post("/notebooks/kernels", status_code=201, response_model=KernelRead)
@permissions.needs("deployments:write", "jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def start_kernel(
    *,
    body: KernelCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
) -> Response:
    """Start the caller's kernel for a notebook of the draft, or return the running one.

    A kernel is a job with its limits and sandbox. It has the current files and packages of the draft.
    """

    async def create() -> KernelRead:
        kernels.require_writer(principal)
        pack = await drafts.get_or_create(session, principal, body.skillpack, storage=context.storage)
        kernel_id = await kernels.start(
            session,
            principal,
            pack,
            body.path,
            max_kernels=context.settings.notebook_kernels,
            max_duration_s=context.settings.notebook_kernel_s,
            prices=PriceList.of(context.settings),
            max_queued=context.settings.max_queued_jobs,
            storage=context.storage,
            quotas=context.settings.quotas,
        )
        return await queries.read_kernel(session, principal, kernel_id)

    return await idempotent.run(session, principal, create)


@router.get("/notebooks/kernels/{kernel_id}")
@permissions.needs("jobs:read")
async def get_kernel(
    kernel_id: UUID,
    principal: PrincipalDep,
    context: ContextDep,
    after: Annotated[int, Query(ge=0, description="Return changes after this revision.")] = 0,
    wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for a change.")] = 0.0,
) -> KernelRead:
    """Return the kernel, and the cells that have changed after the revision."""
    return await queries.wait(
        context.database, context.wakeups, principal, kernel_id, last=None, after=after, wait_s=wait_s
    )


@router.post("/notebooks/kernels/{kernel_id}/cells", status_code=201, response_model=KernelRead)
@permissions.needs("deployments:write", "jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def run_cells(
    *,
    kernel_id: UUID,
    body: CellsUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    idempotent: IdempotencyDep,
) -> Response:
    """Queue cells of the kernel, after those that are already queued."""

    async def create() -> KernelRead:
        await kernels.queue_cells(session, principal, kernel_id, body.cells)
        kernel = await kernels.find(session, principal, kernel_id)
        return await queries.read_kernel(session, principal, kernel_id, after=kernel.revision - 1)

    return await idempotent.run(session, principal, create)


@router.post("/notebooks/kernels/{kernel_id}/interrupt", status_code=204)
@permissions.needs("deployments:write", "jobs:submit", role=Role.DEVELOPER)
async def interrupt_kernel(kernel_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Interrupt the running cell, and drop those that wait. Variables are kept."""
    await kernels.interrupt(session, principal, kernel_id)


@router.post("/notebooks/kernels/{kernel_id}/restart", status_code=204)
@permissions.needs("deployments:write", "jobs:submit", role=Role.DEVELOPER)
async def restart_kernel(kernel_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Start a new Python process. Variables are lost, and waiting cells are dropped."""
    await kernels.restart(session, principal, kernel_id)


@router.delete("/notebooks/kernels/{kernel_id}", status_code=204)
@permissions.needs("deployments:write", "jobs:submit", role=Role.DEVELOPER)
async def stop_kernel(kernel_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Stop the kernel permanently."""
    await kernels.stop(session, principal, kernel_id)


@router.post("/notebooks/opened", status_code=201, response_model=NotebookRead)
@permissions.needs("deployments:write", role=Role.DEVELOPER)
async def open_as_notebook(
    *,
    body: NotebookOpen,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
) -> Response:
    """Write a job that has ended, or inputs only, into the draft as a notebook.

    The notebook of a job has its inputs and steps as cells.
    """

    async def create() -> NotebookRead:
        pack = await job_notebooks.skillpack_of(session, principal, body, storage=context.storage)
        if body.job_id is not None:
            path = await job_notebooks.open_job(session, principal, pack, body.job_id)
        else:
            path = await job_notebooks.open_inputs(session, principal, pack, body.skill or "", body.inputs)
        return NotebookRead(path=path, skillpack=pack.slug)

    return await idempotent.run(session, principal, create)
