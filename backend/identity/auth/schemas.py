"""What the routes of the caller, of sessions and of the audit take and return."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from backend.core.schemas import Asked
from backend.identity.auth.membership import RoleName
from backend.identity.tables import Session


class Answer(BaseModel):
    """What a route answers, read from a row."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class UserRead(Answer):
    """A person."""

    id: UUID
    email: str
    name: str
    is_operator: bool


class ProjectMembership(Answer):
    """A project that the caller is in."""

    id: UUID
    workspace_id: UUID
    slug: str
    name: str
    role: RoleName


class Me(Answer):
    """Who the request was authenticated as, and what that allows."""

    kind: Literal["user", "secret_key", "publishable_key", "job", "system"]
    label: str
    user: UserRead | None = None
    csrf_token: str | None = None
    """Of a session: to be sent back in `X-CSRF-Token` with every write."""
    projects: list[ProjectMembership]
    project_id: UUID | None = None
    workspace_id: UUID | None = None
    scopes: list[str] = []
    """All that a restricted key can do; empty for one that is not restricted."""
    is_restricted: bool = False
    """Whether a key can do nothing but what `scopes` lists."""
    skill_allowlist: list[str] = []


class SessionRead(Answer):
    """One browser in which a person is signed in."""

    id: UUID
    is_current: bool
    """The one that asks."""
    address: str
    """From which it was begun."""
    user_agent: str
    """How the browser named itself."""
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    """When it ends at the latest; it ends before when it is not used for a week."""

    @classmethod
    def of(cls, row: Session, *, is_current: bool) -> SessionRead:
        """The answer for a session."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "is_current"}
        return cls(is_current=is_current, **values)


class SessionsEnded(Answer):
    """What came of signing out everywhere else."""

    ended: int


class NewPassword(Asked):
    """Another password for the person who asks."""

    current_password: SecretStr = Field(max_length=2000)
    new_password: SecretStr = Field(max_length=2000)


class AuditRead(Answer):
    """Who did what."""

    id: int
    actor: str
    action: str
    target: str
    facts: dict[str, Any]
    request_id: str
    at: datetime
