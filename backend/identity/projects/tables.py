"""Tables of projects and members."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Identity, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class Project(SQLModel, table=True):
    """The unit of tenancy: keys, wallet, drive, members and jobs belong to one."""

    __tablename__: ClassVar[str] = "projects"
    __table_args__ = (CheckConstraint("purged_at is null or deleted_at is not null", name="purged"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    number: int | None = Field(
        default=None, sa_column=Column(Integer, Identity(always=True), unique=True, nullable=False)
    )
    """Small and unique: the sandbox makes the project's own user id from it."""
    slug: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)
    limits: dict[str, int] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    """Set by the operator in place of the instance's: names of `Quota`, `concurrency` and `requests_per_minute`."""
    own_limits: dict[str, int] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    """Set by the project itself, by the same names; they hold where they are below the operator's."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    deleted_at: datetime | None = Field(default=None, sa_type=Timestamp)
    former_slug: str | None = Field(default=None, max_length=64)
    """Of a deleted project, for an undo: another one may have it by now."""
    purged_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """When everything of a deleted project was gone; this row, its ledger and its audit stay."""


class Member(SQLModel, table=True):
    """A user's role in a project."""

    __tablename__: ClassVar[str] = "members"
    __table_args__ = (CheckConstraint("role in ('owner', 'admin', 'developer', 'viewer')", name="role"),)

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", primary_key=True, index=True)
    role: str
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)


class Invitation(SQLModel, table=True):
    """A link with which whoever has the account with an e-mail joins a project."""

    __tablename__: ClassVar[str] = "invitations"
    __table_args__ = (
        CheckConstraint("role in ('owner', 'admin', 'developer', 'viewer')", name="role"),
        UniqueConstraint("project_id", "email"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    email: str = Field(max_length=320)
    """Lower case; nobody need have an account with it."""
    role: str
    token_hash: str = Field(unique=True, max_length=64)
    """SHA-256 of the link's token, hexadecimal."""
    created_by: str = Field(max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)
