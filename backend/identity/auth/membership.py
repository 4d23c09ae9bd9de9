"""Determine the principal of a signed-in user in a project, and list the user's projects."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.identity.auth.actors import Caller, SignedIn
from backend.identity.auth.errors import ProjectNotFound
from backend.identity.auth.principal import Principal, Role
from backend.identity.tables import Member, Project

RoleName = Literal["owner", "admin", "developer", "viewer"]
"""Names of roles in the API and in the database."""

ROLES: Final[dict[str, Role]] = {
    "owner": Role.OWNER,
    "admin": Role.ADMIN,
    "developer": Role.DEVELOPER,
    "viewer": Role.VIEWER,
}
_NAMES: Final[dict[Role, RoleName]] = {
    Role.OWNER: "owner",
    Role.ADMIN: "admin",
    Role.DEVELOPER: "developer",
    Role.VIEWER: "viewer",
}


class Membership(NamedTuple):
    """A project that a user is in."""

    project: Project
    role: Role


async def act_in(session: AsyncSession, caller: Caller, project: str) -> Principal:
    """Return the caller as a principal of the project with this ID or slug.

    Raises:
        ProjectNotFound: The project does not exist, or the caller is not in it.
    """
    if isinstance(caller, SignedIn):
        query = (
            select(col(Member.project_id), col(Member.role))
            .join(Project, col(Project.id) == col(Member.project_id))
            .where(col(Member.user_id) == caller.user_id, *matches(project))
        )
        found = (await session.execute(query)).one_or_none()
        if found is None:
            raise ProjectNotFound(project)
        return principal_of(caller, found.project_id, ROLES[found.role])
    if (
        await session.scalar(
            select(col(Project.id)).where(col(Project.id) == caller.project_id, *matches(project))
        )
        is None
    ):
        raise ProjectNotFound(project)
    return caller


async def project_of(session: AsyncSession, principal: Principal) -> Project:
    """Return the principal's project.

    Raises:
        ProjectNotFound: The project was deleted.
    """
    query = select(Project).where(col(Project.id) == principal.project_id, col(Project.deleted_at).is_(None))
    project = (await session.scalars(query)).one_or_none()
    if project is None:
        raise ProjectNotFound(str(principal.project_id))
    return project


async def memberships(session: AsyncSession, signed_in: SignedIn) -> list[Membership]:
    """Return all projects that the user is in, by name."""
    query = (
        select(Project, col(Member.role))
        .join(Member, col(Member.project_id) == col(Project.id))
        .where(col(Member.user_id) == signed_in.user_id, col(Project.deleted_at).is_(None))
        .order_by(col(Project.name), col(Project.id))
    )
    return [Membership(project, ROLES[role]) for project, role in (await session.execute(query)).all()]


def principal_of(signed_in: SignedIn, project_id: UUID, role: Role) -> Principal:
    """Return the user as a principal of the project, with a role that the caller of this function has verified."""
    return Principal(
        kind="user",
        id=signed_in.user_id,
        project_id=project_id,
        label=signed_in.label,
        role=role,
        is_operator=signed_in.is_operator,
    )


def role_name(role: Role) -> RoleName:
    """Return the name of the role in the API."""
    return _NAMES[role]


def matches(project: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that select the project with this ID or slug, unless it is deleted."""
    is_alive = col(Project.deleted_at).is_(None)
    try:
        return col(Project.id) == UUID(project), is_alive
    except ValueError:
        return col(Project.slug) == project, is_alive
