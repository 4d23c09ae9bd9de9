"""Schemas of the routes of the caller, of sessions and of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import AliasChoices, ConfigDict, Field, SecretStr, computed_field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED, RequestBody
from backend.identity.auth.membership import RoleName
from backend.identity.tables import Session


class ReadModel(Schema):
    """Base of responses that are read from a row."""

    model_config = ConfigDict(from_attributes=True)


class UserRead(ReadModel):
    """A user account."""

    id: UUID
    email: str
    name: str
    is_operator: bool


class ProjectMembership(ReadModel):
    """A project that the caller is in."""

    id: UUID
    workspace_id: UUID
    slug: str
    name: str
    role: RoleName


class Me(ReadModel):
    """The caller that the request was authenticated as, and its permissions."""

    kind: Literal["user", "secret_key", "publishable_key", "job", "system"]
    label: str
    user: UserRead | None = None
    csrf_token: str | None = None
    """CSRF token of the session, which each write sends in `X-CSRF-Token`."""
    projects: list[ProjectMembership]
    project_id: UUID | None = None
    workspace_id: UUID | None = None
    scopes: list[str] = Field(default=[])
    """Scopes of a restricted key; empty for a key without restrictions."""
    is_restricted: bool = False
    """Whether the key is limited to `scopes`."""
    skill_allowlist: list[str] = Field(default=[])


class SessionRead(ReadModel):
    """A session of a user in one browser."""

    id: UUID
    is_current: bool
    """Whether it is the session of this request."""
    ip_address: str
    """IP address from which the user signed in."""
    user_agent: str
    """`User-Agent` of the browser."""
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    """Latest end of the session; it ends earlier when it is not used for a week."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def address(self) -> str:
        """The former name of `ip_address`. Removed in 0.3."""
        return self.ip_address

    @classmethod
    def of(cls, row: Session, *, is_current: bool) -> SessionRead:
        """Return the response for a session."""
        values = {
            name: getattr(row, name) for name in cls.model_fields if name not in ("is_current", "ip_address")
        }
        return cls(is_current=is_current, ip_address=row.address, **values)


class SessionsEnded(ReadModel):
    """Result of signing out in all other browsers."""

    ended: int


class NewPassword(RequestBody):
    """A new password for the caller."""

    current_password: SecretStr = Field(max_length=2000)
    new_password: SecretStr = Field(max_length=2000)


class AuditRead(ReadModel):
    """An audit entry."""

    id: int
    actor: str
    action: str
    target: str
    details: dict[str, Any] = Field(validation_alias=AliasChoices("details", "facts"))
    request_id: str
    at: datetime

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def facts(self) -> dict[str, Any]:
        """The former name of `details`. Removed in 0.3."""
        return self.details
