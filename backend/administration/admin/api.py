"""Routes for operators of the instance."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Request, Response

from backend.administration.admin import accounts, health, workers
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
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.idempotency.dependencies import OnceDep

router = APIRouter(route_class=AuthorizedRoute, prefix="/instance", tags=["instance"])


@router.get("/workers", summary="List the workers")
@permissions.operators_only()
async def list_workers(who: OperatorDep, session: SessionDep) -> Sequence[WorkerRead]:
    """For operators: every worker process, its beat, its lanes, and the jobs that it runs."""
    return await workers.workers(session, who)


@router.post("/workers/{worker_id}/drain", status_code=204, summary="Drain a worker")
@permissions.operators_only()
async def drain_worker(worker_id: UUID, who: OperatorDep, session: SessionDep) -> None:
    """For operators: it takes no job any more, lets those that it runs end for `PURAS_DRAIN_S`, hands over what is
    left and ends; its pool starts another process in its place."""
    await workers.drain(session, who, worker_id)


@router.get("/queue", summary="What waits, by lane and reason")
@permissions.operators_only()
async def list_waiting(who: OperatorDep, session: SessionDep) -> Sequence[WaitingJobsRead]:
    """For operators: how many jobs wait in each lane, for what, how long the oldest has, or when the next is due."""
    return await workers.waiting(session, who)


@router.get("/health", summary="How the parts of the instance are")
@permissions.operators_only()
async def list_health(who: OperatorDep, context: ContextDep) -> Sequence[StatusTileRead]:
    """For operators: database, Redis, workers and disk, each with what it means for jobs."""
    return await health.tiles(context, who)


@router.get("/users", summary="List the people of the instance")
@permissions.operators_only()
async def list_users(
    request: Request, response: Response, who: OperatorDep, session: SessionDep, *, page: PageDep
) -> Sequence[AdminUserRead]:
    """For operators: everybody with an account, by e-mail."""
    return linked(request, response, await accounts.people(session, who, page))


@router.post("/users", status_code=201, summary="Add a person", response_model=PasswordLinkRead)
@permissions.operators_only()
async def add_user(
    asked: UserCreate, who: OperatorDep, session: SessionDep, context: ContextDep, *, once: OnceDep
) -> Response:
    """For operators: an account for somebody, and the link, told this once, with which they choose its password within
    a week."""

    async def make() -> PasswordLinkRead:
        return await accounts.add_person(session, who, asked, url=context.settings.url)

    return await once.answer(session, who, make)


@router.post(
    "/users/{user_id}/password-links",
    status_code=201,
    summary="Make a link for another password",
    response_model=PasswordLinkRead,
)
@permissions.operators_only()
async def make_password_link(
    user_id: UUID, who: OperatorDep, session: SessionDep, context: ContextDep, *, once: OnceDep
) -> Response:
    """For operators: a link, told this once, with which the person sets another password within an hour; links before
    it stop working. Not for other operators: theirs are made at the machine."""

    async def make() -> PasswordLinkRead:
        return await accounts.link_for(session, who, user_id, url=context.settings.url)

    return await once.answer(session, who, make)


@router.get("/projects", summary="List the projects of the instance")
@permissions.operators_only()
async def list_all_projects(
    request: Request, response: Response, who: OperatorDep, session: SessionDep, *, page: PageDep
) -> Sequence[AdminProjectRead]:
    """For operators: every project with what its wallet holds, by slug."""
    return linked(request, response, await accounts.projects(session, who, page))


@router.post(
    "/projects/{project}/top-ups",
    status_code=201,
    summary="Put money into a wallet",
    response_model=TopUpRead,
)
@permissions.operators_only()
async def top_up(
    project: str, asked: TopUpCreate, who: OperatorDep, session: SessionDep, *, once: OnceDep
) -> Response:
    """For operators: money for the project with this id or slug; jobs that waited for it go on."""

    async def make() -> TopUpRead:
        return await accounts.top_up(session, who, project, asked)

    return await once.answer(session, who, make)
