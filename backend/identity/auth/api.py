"""Routes of the caller and of the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import AwareDatetime

from backend.core.http.paging import PageDep, linked
from backend.identity.auth import audit, membership, permissions
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.audit import AuditFilter
from backend.identity.auth.dependencies import CallerDep, PrincipalDep, SessionDep
from backend.identity.auth.membership import Membership, role_name
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.auth.schemas import (
    AuditRead,
    Me,
    ProjectMembership,
    UserRead,
)

router = APIRouter(route_class=AuthorizedRoute)


@router.get("/me", tags=["who"], summary="Read the caller")
@permissions.any_caller()
async def get_me(caller: CallerDep, session: SessionDep) -> Me:
    """Return the caller, its projects and its permissions."""
    if isinstance(caller, SignedIn):
        return _of_user(caller, await membership.memberships(session, caller))
    project = await membership.project_of(session, caller)
    return _of_key(caller, Membership(project, caller.role))


async def _audit_filter(
    *,
    actor: Annotated[
        str | None, Query(max_length=200, description="`user:<e-mail>`, `key:<prefix>`, `operator`…")
    ] = None,
    action: Annotated[
        str | None,
        Query(max_length=100, description="`secret.set`, or `secret` for every action on secrets."),
    ] = None,
    since: Annotated[AwareDatetime | None, Query(description="Start time, with a time zone.")] = None,
    instance: Annotated[
        bool, Query(description="For operators: return the entries of the instance, such as sign-ins.")
    ] = False,
) -> AuditFilter:
    return AuditFilter(actor=actor, action=action, since=since, of_instance=instance)


AuditFilterDep = Annotated[AuditFilter, Depends(_audit_filter)]


@router.get("/audit", tags=["audit"], summary="Read the audit log")
@permissions.needs("audit:read", role=Role.ADMIN)
async def list_audit(
    request: Request,
    response: Response,
    page: PageDep,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    filters: AuditFilterDep,
) -> list[AuditRead]:
    """List the audit entries of the project, newest first."""
    principal.require(Role.ADMIN, "audit:read")
    rows: Sequence[Any] = linked(request, response, await audit.list_rows(session, principal, filters, page))
    return [AuditRead.model_validate(row) for row in rows]


def _of_user(signed_in: SignedIn, memberships: Sequence[Membership]) -> Me:
    user = UserRead(
        id=signed_in.user_id, email=signed_in.email, name=signed_in.name, is_operator=signed_in.is_operator
    )
    return Me(
        kind="user",
        label=signed_in.label,
        user=user,
        csrf_token=signed_in.csrf_token,
        projects=[_project(one) for one in memberships],
    )


def _of_key(principal: Principal, membership: Membership) -> Me:
    return Me(
        kind=principal.kind,
        label=principal.label,
        projects=[_project(membership)],
        project_id=principal.project_id,
        workspace_id=principal.project_id,
        scopes=sorted(principal.scopes or ()),
        is_restricted=principal.scopes is not None,
        skill_allowlist=sorted(principal.skill_allowlist),
    )


def _project(membership: Membership) -> ProjectMembership:
    project = membership.project
    return ProjectMembership(
        id=project.id,
        workspace_id=project.id,
        slug=project.slug,
        name=project.name,
        role=role_name(membership.role),
    )
