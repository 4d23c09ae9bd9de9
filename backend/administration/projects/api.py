"""Routes of projects and their members; `{project}` is an ID or a slug."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession

from backend.administration.projects import creation, deletion, export
from backend.identity.auth import membership, permissions
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.dependencies import CallerDep, ContextDep, PrincipalDep, SessionDep, UserDep
from backend.identity.auth.membership import ROLES, project_of, role_name
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.identity.limits.schemas import defaults_of
from backend.identity.projects import invitations, members, service
from backend.identity.projects.schemas import (
    InvitationCreate,
    InvitationCreated,
    InvitationRead,
    MemberRead,
    MemberUpdate,
    ProjectCreate,
    ProjectDetail,
    ProjectRead,
    ProjectUpdate,
)
from backend.identity.tables import Project
from backend.money import admission
from backend.openapi import project as openapi

router = APIRouter(route_class=AuthorizedRoute)


async def _in_project(project: str, principal: PrincipalDep) -> Principal:
    return principal  # `project` is declared for the OpenAPI document


InProjectDep = Annotated[Principal, Depends(_in_project)]
"""The caller as a principal of the project in the path."""


@router.get("/projects", tags=["projects"], summary="List projects")
@permissions.any_caller("project:read")
async def list_projects(caller: CallerDep, session: SessionDep) -> list[ProjectRead]:
    """List the projects that the caller is in; a key is in one."""
    if isinstance(caller, SignedIn):
        found = await membership.memberships(session, caller)
        return [
            ProjectRead.of(membership_of_user.project, role_name(membership_of_user.role))
            for membership_of_user in found
        ]
    caller.require(Role.VIEWER, "project:read")
    return [ProjectRead.of(await project_of(session, caller), role_name(caller.role))]


@router.post(
    "/projects",
    tags=["projects"],
    summary="Create a project",
    status_code=201,
    response_model=ProjectDetail,
    openapi_extra={"security": [{"session": []}]},
)
@permissions.people_only()
async def create_project(
    body: ProjectCreate, user: UserDep, session: SessionDep, context: ContextDep, idempotent: IdempotencyDep
) -> Response:
    """Create a project; the caller becomes its owner."""

    async def create() -> ProjectDetail:
        project = await creation.create_for_user(
            session, user, context.settings, name=body.name, slug=body.slug
        )
        return await _detail(session, await membership.act_in(session, user, str(project.id)), project)

    return await idempotent.run(session, user, create)


@router.get("/projects/{project}", tags=["projects"], summary="Read a project")
@permissions.needs("project:read")
async def get_project(principal: InProjectDep, session: SessionDep) -> ProjectDetail:
    """Return a project with its limits."""
    principal.require(Role.VIEWER, "project:read")
    return await _detail(session, principal, await project_of(session, principal))


@router.get(
    "/projects/{project}/openapi.json", tags=["projects"], summary="Describe a project's skills as OpenAPI"
)
@permissions.needs("skills:read")
async def get_project_openapi(
    principal: InProjectDep, session: SessionDep, context: ContextDep
) -> dict[str, Any]:
    """Return an OpenAPI document with one operation per skill of the active versions, and its types."""
    return await openapi.document(session, principal, url=context.settings.url)


@router.patch("/projects/{project}", tags=["projects"], summary="Change a project")
@permissions.needs("project:write", role=Role.ADMIN)
async def change_project(
    body: ProjectUpdate, principal: InProjectDep, session: SessionDep, context: ContextDep
) -> ProjectDetail:
    """Change the name, the slug or the concurrency of a project, up to the operator's ceiling."""
    principal.require(Role.ADMIN, "project:write")
    changed = await service.change(
        session,
        principal,
        name=body.name,
        slug=body.slug,
        concurrency_limit=body.concurrency_limit,
        defaults=defaults_of(context.settings),
    )
    return await _detail(session, principal, changed)


@router.delete("/projects/{project}", tags=["projects"], summary="Delete a project", status_code=204)
@permissions.needs("project:write", role=Role.OWNER)
async def delete_project(principal: InProjectDep, session: SessionDep) -> None:
    """Delete a project.

    Its jobs are cancelled and its keys stop working immediately; its data is removed some days later.
    """
    principal.require(Role.OWNER, "project:write")
    await deletion.delete(session, principal)


@router.get(
    "/projects/{project}/export",
    tags=["projects"],
    summary="Export a project",
    response_class=StreamingResponse,
    responses={200: {"description": "A tar archive, compressed.", "content": {"application/gzip": {}}}},
)
@permissions.needs("project:read", role=Role.OWNER)
async def export_project(principal: InProjectDep, context: ContextDep) -> StreamingResponse:
    """Export the project as one archive: rows as JSON lines, bundles and drive, without the values of secrets."""
    archive = await export.start(context, principal)
    return StreamingResponse(
        archive.chunks(),
        media_type="application/gzip",
        headers={
            "Content-Disposition": f'attachment; filename="{archive.filename}"',
            "Cache-Control": "no-store",
        },
    )


@router.get("/projects/{project}/members", tags=["members"], summary="List members")
@permissions.needs("members:read")
async def list_members(principal: InProjectDep, session: SessionDep) -> list[MemberRead]:
    """List the members of the project, by e-mail."""
    principal.require(Role.VIEWER, "members:read")
    return [MemberRead.of(person) for person in await members.list_members(session, principal)]


@router.post(
    "/projects/{project}/members",
    tags=["members"],
    summary="Invite a member",
    status_code=201,
    response_model=InvitationCreated,
)
@permissions.needs("members:write", role=Role.ADMIN)
async def invite_member(
    body: InvitationCreate,
    principal: InProjectDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
) -> Response:
    """Create a link with which the owner of the e-mail joins. It does not reveal whether an account exists."""
    principal.require(Role.ADMIN, "members:write")

    async def create() -> InvitationCreated:
        new_invitation = await invitations.invite(
            session,
            principal,
            email=body.email,
            role=ROLES[body.role],
            quotas=context.settings.quotas,
        )
        return InvitationCreated.of(new_invitation, context.settings.url)

    return await idempotent.run(session, principal, create)


@router.get(
    "/projects/{project}/invitations",
    tags=["members"],
    summary="List invitations",
    response_model=list[InvitationRead],
)
@permissions.needs("members:read", role=Role.ADMIN)
async def list_invitations(principal: InProjectDep, session: SessionDep) -> Sequence[object]:
    """List the invitations that can still be accepted, by e-mail."""
    principal.require(Role.ADMIN, "members:read")
    return await invitations.list_open(session, principal)


@router.delete(
    "/projects/{project}/invitations/{invitation_id}",
    tags=["members"],
    summary="Withdraw an invitation",
    status_code=204,
)
@permissions.needs("members:write", role=Role.ADMIN)
async def withdraw_invitation(invitation_id: UUID, principal: InProjectDep, session: SessionDep) -> None:
    """Withdraw an invitation; its link stops working."""
    principal.require(Role.ADMIN, "members:write")
    await invitations.withdraw(session, principal, invitation_id)


@router.patch("/projects/{project}/members/{user_id}", tags=["members"], summary="Change a member's role")
@permissions.needs("members:write", role=Role.ADMIN)
async def change_member(
    user_id: UUID, body: MemberUpdate, principal: InProjectDep, session: SessionDep
) -> MemberRead:
    """Change the role of a member."""
    principal.require(Role.ADMIN, "members:write")
    return MemberRead.of(await members.change_role(session, principal, user_id, ROLES[body.role]))


@router.delete(
    "/projects/{project}/members/{user_id}", tags=["members"], summary="Remove a member", status_code=204
)
@permissions.needs("members:write")
async def remove_member(user_id: UUID, principal: InProjectDep, session: SessionDep) -> None:
    """Remove a member from the project; every member may leave."""
    is_leaving = principal.kind == "user" and principal.id == user_id
    principal.require(Role.VIEWER if is_leaving else Role.ADMIN, "members:write")
    await members.remove(session, principal, user_id)


async def _detail(session: AsyncSession, principal: Principal, project: Project) -> ProjectDetail:
    return ProjectDetail(
        **ProjectRead.of(project, role_name(principal.role)).model_dump(),
        concurrency_limit=await admission.concurrency_limit(session, principal.project_id),
    )
