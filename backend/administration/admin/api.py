"""Routes for operators of the instance."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request, Response

from backend.administration.admin import accounts, health, support, workers
from backend.administration.admin.access import OperatorDep
from backend.administration.admin.schemas import (
    AdminProjectRead,
    AdminUserRead,
    PasswordLinkRead,
    StatusTileRead,
    TopUpCreate,
    TopUpRead,
    UserCreate,
    WaitingJobsRead,
    WorkerRead,
)
from backend.core.http.paging import PageDep, linked
from backend.identity.auth import audit, permissions
from backend.identity.auth.dependencies import ContextDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.idempotency.dependencies import IdempotencyDep

router = APIRouter(route_class=AuthorizedRoute, prefix="/instance", tags=["instance"])


@router.get("/workers", summary="List the workers")
@permissions.operators_only()
async def list_workers(operator: OperatorDep, session: SessionDep) -> Sequence[WorkerRead]:
    """For operators: list all worker processes with their last heartbeat, lanes and running jobs."""
    return await workers.list_workers(session, operator)


@router.post("/workers/{worker_id}/drain", status_code=204, summary="Drain a worker")
@permissions.operators_only()
async def drain_worker(worker_id: UUID, operator: OperatorDep, session: SessionDep) -> None:
    """For operators: drain a worker.

    It claims no more jobs, lets its running jobs finish for `PURAS_DRAIN_S`, requeues the remaining ones and
    ends; its pool starts another process.
    """
    await workers.drain(session, operator, worker_id)


@router.get("/queue", summary="List waiting jobs by lane and reason")
@permissions.operators_only()
async def list_waiting_jobs(operator: OperatorDep, session: SessionDep) -> Sequence[WaitingJobsRead]:
    """For operators: count the waiting jobs of each lane by reason, with the age of the oldest and the next due one."""
    return await workers.list_waiting_jobs(session, operator)


@router.get("/health", summary="Read the health of the instance")
@permissions.operators_only()
async def list_health(operator: OperatorDep, context: ContextDep) -> Sequence[StatusTileRead]:
    """For operators: report the state of database, Redis, workers and disk, and its effect on jobs."""
    return await health.tiles(context, operator)


@router.get("/support-bundle", summary="Download a support bundle", response_class=Response)
@permissions.operators_only()
async def download_support_bundle(
    operator: OperatorDep, context: ContextDep, session: SessionDep
) -> Response:
    """For operators: return a ZIP archive with versions, settings without secrets, and the state of the instance.

    It contains no names and no content of projects.
    """
    files = await support.collect(session, context.settings)
    files["health.json"] = [one.model_dump() for one in await health.tiles(context, operator)]
    await audit.record_instance(session, operator.label, "support_bundle.downloaded")
    headers = {"Content-Disposition": f'attachment; filename="{support.NAME}"'}
    return Response(support.as_zip(files), media_type="application/zip", headers=headers)


@router.get("/users", summary="List the users of the instance")
@permissions.operators_only()
async def list_users(
    request: Request, response: Response, operator: OperatorDep, session: SessionDep, *, page: PageDep
) -> Sequence[AdminUserRead]:
    """For operators: list all user accounts, by e-mail."""
    return linked(request, response, await accounts.list_users(session, operator, page))


@router.post("/users", status_code=201, summary="Add a user", response_model=PasswordLinkRead)
@permissions.operators_only()
async def add_user(
    body: UserCreate,
    operator: OperatorDep,
    session: SessionDep,
    context: ContextDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """For operators: create an account, and a link with which its user sets the password within a week.

    The link is returned only once.
    """

    async def create() -> PasswordLinkRead:
        return await accounts.create_user(session, operator, body, url=context.settings.url)

    return await idempotent.run(session, operator, create)


@router.post(
    "/users/{user_id}/password-links",
    status_code=201,
    summary="Create a password link",
    response_model=PasswordLinkRead,
)
@permissions.operators_only()
async def create_password_link(
    user_id: UUID,
    operator: OperatorDep,
    session: SessionDep,
    context: ContextDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """For operators: create a link with which the user sets a new password within an hour.

    Earlier links stop working. The link is returned only once. Passwords of operators are reset on the server
    instead.
    """

    async def create() -> PasswordLinkRead:
        return await accounts.create_password_link(session, operator, user_id, url=context.settings.url)

    return await idempotent.run(session, operator, create)


@router.get("/projects", summary="List the projects of the instance")
@permissions.operators_only()
async def list_all_projects(
    request: Request, response: Response, operator: OperatorDep, session: SessionDep, *, page: PageDep
) -> Sequence[AdminProjectRead]:
    """For operators: list all projects with the balances of their wallets, by slug."""
    return linked(request, response, await accounts.list_projects(session, operator, page))


@router.post(
    "/projects/{project}/top-ups",
    status_code=201,
    summary="Add credit to a wallet",
    response_model=TopUpRead,
)
@permissions.operators_only()
async def top_up(
    project: str,
    body: TopUpCreate,
    operator: OperatorDep,
    session: SessionDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """For operators: add credit to the project with this ID or slug; jobs that waited for credit become ready."""

    async def create() -> TopUpRead:
        return await accounts.top_up(session, operator, project, body)

    return await idempotent.run(session, operator, create)
