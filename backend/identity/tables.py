"""Tables of users, sessions, API keys, audit entries, projects and members."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Column, Identity, Index, Integer, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp
from backend.identity.environments import ENVIRONMENTS, PRODUCTION, Environment, environment_column


class User(SQLModel, table=True):
    """A user account."""

    __tablename__: ClassVar[str] = "users"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    email: str = Field(unique=True, max_length=320)
    """Lower case."""
    name: str = Field(default="", max_length=200)
    password_hash: str
    """argon2id."""
    is_operator: bool = False
    """Whether the user administers the instance."""
    starting_credits: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Projects of the user that have received starting credit, including those that were deleted since."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    disabled_at: datetime | None = Field(default=None, sa_type=Timestamp)


class Session(SQLModel, table=True):
    """One sign-in of a user in one browser."""

    __tablename__: ClassVar[str] = "sessions"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    token_hash: str = Field(unique=True, max_length=64)
    """SHA-256 of the cookie, hexadecimal."""
    csrf_token: str = Field(max_length=64)
    user_agent: str = Field(default="", max_length=400)
    address: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    """IP address from which the user signed in."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    last_seen_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)


class SetupLink(SQLModel, table=True):
    """A one-time link that makes its user the owner of this instance."""

    __tablename__: ClassVar[str] = "setup_links"

    token_hash: str = Field(primary_key=True, max_length=64)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)
    used_at: datetime | None = Field(default=None, sa_type=Timestamp)


class PasswordReset(SQLModel, table=True):
    """A one-time link, created by an operator, with which a user sets a new password."""

    __tablename__: ClassVar[str] = "password_resets"

    token_hash: str = Field(primary_key=True, max_length=64)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", index=True)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)


class ApiKey(SQLModel, table=True):
    """A key of one project: `puras_live_<prefix>.<secret>` or `puras_pub_<prefix>.<secret>`."""

    __tablename__: ClassVar[str] = "api_keys"
    __table_args__ = (
        CheckConstraint("kind in ('secret', 'publishable')", name="kind"),
        CheckConstraint("daily_cap_micros >= 0", name="daily_cap_micros"),
        CheckConstraint("requests_per_minute > 0", name="requests_per_minute"),
        CheckConstraint(f"environment in {ENVIRONMENTS}", name="environment"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", index=True)
    kind: str
    name: str = Field(default="", max_length=200)
    prefix: str = Field(unique=True, max_length=8)
    secret_hash: str = Field(max_length=64)
    """SHA-256 of the secret part, hexadecimal."""
    scopes: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(TEXT), nullable=False))
    """Empty: everything that the kind of key can do."""
    skill_allowlist: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(TEXT), nullable=False))
    """Skills that it may run, in the syntax of `skill_allowlist.py`; empty: all."""
    requests_per_minute: int | None = None
    """Maximum requests per minute, if lower than the limit of all keys."""
    daily_cap_micros: int | None = Field(default=None, sa_type=BigInteger)
    expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    last_used_at: datetime | None = Field(default=None, sa_type=Timestamp)
    revoked_at: datetime | None = Field(default=None, sa_type=Timestamp)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    created_by: str = Field(default="", max_length=200)
    """Label of its creator, see `Principal.label`."""
    environment: Environment = Field(default=PRODUCTION, sa_column=environment_column())
    first_key_id: UUID | None = None
    """For a key that replaces another one or was replaced: the first of these keys, which see the sessions and jobs of
    each other. Without a foreign key, because it names the owner of sessions."""


class ConfigurationStamp(SQLModel, table=True):
    """The version of what a project's requests for jobs are checked against: its keys, skills, budgets and limits.

    A trigger replaces the stamp in each transaction that changes a row of these tables. A process that remembers such
    rows compares their stamp, in the statement that relies on them.
    """

    __tablename__: ClassVar[str] = "configuration_stamps"

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    stamp: UUID
    """Random, so that it never returns to an earlier value, not even when a backup is restored."""


class AuditRow(SQLModel, table=True):
    """One audit entry, about an action that changed or revealed something; never updated."""

    __tablename__: ClassVar[str] = "audit_rows"
    __table_args__ = (
        Index("ix_audit_rows_project_id_id", "project_id", text("id DESC")),
        Index("ix_audit_rows_project_id_action_id", "project_id", "action", text("id DESC")),
        Index("ix_audit_rows_project_id_actor_id", "project_id", "actor", text("id DESC")),
    )

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    project_id: UUID | None = None
    """Without a foreign key, because audit entries remain when the project is deleted."""
    actor: str = Field(max_length=200)
    """Label of the actor, see `Principal.label`."""
    action: str = Field(max_length=100)
    """In the past tense: `api_key.created`."""
    target: str = Field(default="", max_length=400)
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))
    request_id: str = Field(default="", max_length=64)
    at: datetime = Field(default_factory=now, sa_type=Timestamp)


class Project(SQLModel, table=True):
    """The unit of tenancy: keys, wallet, drive, members and jobs belong to one."""

    __tablename__: ClassVar[str] = "projects"
    __table_args__ = (CheckConstraint("purged_at is null or deleted_at is not null", name="purged"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    number: int | None = Field(
        default=None, sa_column=Column(Integer, Identity(always=True), unique=True, nullable=False)
    )
    """Small and unique: the sandbox derives the user ID of the project's processes from it."""
    slug: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)
    limits: dict[str, int] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    """Set by the operator instead of the instance's: names of `Quota`, `concurrency` and `requests_per_minute`."""
    own_limits: dict[str, int] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    """Set by the project itself, with the same names; they apply where they are below the operator's."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    deleted_at: datetime | None = Field(default=None, sa_type=Timestamp)
    former_slug: str | None = Field(default=None, max_length=64)
    """Slug of a deleted project, used to restore it; another project may have taken it."""
    purged_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """When the data of a deleted project was removed; this row, its ledger and its audit entries remain."""


class Member(SQLModel, table=True):
    """A user's role in a project."""

    __tablename__: ClassVar[str] = "members"
    __table_args__ = (CheckConstraint("role in ('owner', 'admin', 'developer', 'viewer')", name="role"),)

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", primary_key=True, index=True)
    role: str
    has_dismissed_first_steps: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Whether the user has dismissed the first steps on the page of the project."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)


class Invitation(SQLModel, table=True):
    """An invitation into a project: a link for the account with an e-mail."""

    __tablename__: ClassVar[str] = "invitations"
    __table_args__ = (
        CheckConstraint("role in ('owner', 'admin', 'developer', 'viewer')", name="role"),
        UniqueConstraint("project_id", "email"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    email: str = Field(max_length=320)
    """Lower case; an account with it need not exist."""
    role: str
    token_hash: str = Field(unique=True, max_length=64)
    """SHA-256 of the link's token, hexadecimal."""
    created_by: str = Field(max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)
