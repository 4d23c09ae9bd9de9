"""Schemas of the routes of projects and members."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody
from backend.identity.auth.membership import RoleName
from backend.identity.projects.invitations import NewInvitation
from backend.identity.projects.members import MemberWithUser
from backend.identity.tables import Project


class ProjectCreate(RequestBody):
    """A new project."""

    name: str = Field(min_length=1, max_length=200)
    slug: str | None = Field(default=None, min_length=1, max_length=64)
    """Name of the project in URLs; derived from `name` when omitted."""


class ProjectUpdate(RequestBody):
    """Changes of a project; omitted fields do not change."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    slug: str | None = Field(default=None, min_length=1, max_length=64)
    concurrency_limit: int | None = Field(default=None, ge=1, le=10_000)
    """Maximum jobs that are ready or running at the same time, up to the operator's ceiling."""


class ProjectRead(Schema):
    """A project."""

    id: UUID
    workspace_id: UUID
    """The same ID, under the name that newer clients read."""
    slug: str
    name: str
    role: RoleName
    """Role of the caller."""
    created_at: datetime

    @classmethod
    def of(cls, project: Project, role: RoleName) -> ProjectRead:
        """Return the response for a project in which the caller has the role."""
        return cls(
            id=project.id,
            workspace_id=project.id,
            slug=project.slug,
            name=project.name,
            role=role,
            created_at=project.created_at,
        )


class ProjectDetail(ProjectRead):
    """A project with its limits."""

    concurrency_limit: int
    """Effective limit: the project's own, or the operator's ceiling if that is lower."""


class InvitationCreate(RequestBody):
    """An invitation of a user into the project."""

    email: str = Field(min_length=3, max_length=320)
    role: RoleName = "developer"


class MemberUpdate(RequestBody):
    """A new role of a member."""

    role: RoleName


class MemberRead(BaseModel):
    """A member of a project."""

    user_id: UUID
    email: str
    name: str
    role: RoleName
    created_at: datetime

    @classmethod
    def of(cls, member_user: MemberWithUser) -> MemberRead:
        """Return the response for a member."""
        return cls(
            user_id=member_user.user.id,
            email=member_user.user.email,
            name=member_user.user.name,
            role=member_user.member.role,
            created_at=member_user.member.created_at,
        )


class InvitationRead(Schema):
    """An invitation that can still be accepted."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    email: str
    role: RoleName
    created_by: str
    created_at: datetime
    expires_at: datetime


class InvitationCreated(InvitationRead):
    """A new invitation, with its link."""

    link: str
    """Link to send to the user; it is returned only once. It works for a user who is signed in with the e-mail."""

    @classmethod
    def of(cls, new_invitation: NewInvitation, url: str) -> InvitationCreated:
        """Return the response for an invitation, with a link to the instance at this URL."""
        shown = InvitationRead.model_validate(new_invitation.invitation)
        return cls(**shown.model_dump(), link=f"{url}/join?token={new_invitation.token}")
