"""What the routes of projects and members take and answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.core.schemas import Asked
from backend.identity.auth.membership import RoleName
from backend.identity.projects.invitations import NewInvitation
from backend.identity.projects.members import Person
from backend.identity.tables import Project


class ProjectCreate(Asked):
    """A project to be made."""

    name: str = Field(min_length=1, max_length=200)
    slug: str | None = Field(default=None, min_length=1, max_length=64)
    """Its name in addresses; made from the name when left out."""


class ProjectUpdate(Asked):
    """What to change in a project; what is left out stays."""

    name: str | None = Field(default=None, min_length=1, max_length=200)
    slug: str | None = Field(default=None, min_length=1, max_length=64)
    concurrency_limit: int | None = Field(default=None, ge=1, le=10_000)
    """Most jobs that are ready or running at once, up to the operator's ceiling."""


class ProjectRead(BaseModel):
    """A project."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: UUID
    workspace_id: UUID
    """The same id, by the name that newer clients read."""
    slug: str
    name: str
    role: RoleName
    """The caller's."""
    created_at: datetime

    @classmethod
    def of(cls, project: Project, role: RoleName) -> ProjectRead:
        """The answer for a project in which the caller has the role."""
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
    """What holds: the project's own, or the operator's ceiling where that is lower."""


class InvitationCreate(Asked):
    """Somebody to be invited into the project."""

    email: str = Field(min_length=3, max_length=320)
    role: RoleName = "developer"


class MemberUpdate(Asked):
    """Another role for a member."""

    role: RoleName


class MemberRead(BaseModel):
    """Somebody in a project."""

    user_id: UUID
    email: str
    name: str
    role: RoleName
    created_at: datetime

    @classmethod
    def of(cls, person: Person) -> MemberRead:
        """The answer for a member."""
        return cls(
            user_id=person.user.id,
            email=person.user.email,
            name=person.user.name,
            role=person.member.role,
            created_at=person.member.created_at,
        )


class InvitationRead(BaseModel):
    """An invitation that can still be accepted."""

    model_config = ConfigDict(use_attribute_docstrings=True, from_attributes=True)

    id: UUID
    email: str
    role: RoleName
    created_by: str
    created_at: datetime
    expires_at: datetime


class InvitationCreated(InvitationRead):
    """A new invitation, with its link."""

    link: str
    """To be passed on to the person; told this once. It opens for who is signed in with the e-mail."""

    @classmethod
    def of(cls, made: NewInvitation, url: str) -> InvitationCreated:
        """The answer for an invitation into a project of the instance at this address."""
        shown = InvitationRead.model_validate(made.invitation)
        return cls(**shown.model_dump(), link=f"{url}/join?token={made.token}")
