"""Define the table of secrets."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp
from backend.identity.environments import ENVIRONMENTS


class Secret(SQLModel, table=True):
    """A named value of a project or of one skillpack, encrypted at rest and never returned over HTTP."""

    __tablename__: ClassVar[str] = "secrets"
    __table_args__ = (
        Index(
            "uq_secrets_project",
            "project_id",
            "name",
            unique=True,
            postgresql_where=text("skillpack_id is null"),
        ),
        Index(
            "uq_secrets_skillpack",
            "skillpack_id",
            "name",
            unique=True,
            postgresql_where=text("skillpack_id is not null"),
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", index=True)
    skillpack_id: UUID | None = Field(default=None, foreign_key="skillpacks.id", ondelete="CASCADE")
    name: str = Field(max_length=128)
    ciphertext: str
    """Fernet token with the prefix `enc:v1:`."""
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_by: str = Field(default="", max_length=200)


class EnvironmentSecret(SQLModel, table=True):
    """A value of a secret for one environment, which jobs of that environment receive instead of the shared one.

    A table of its own: processes of the previous release do not read it during an upgrade, and set shared secrets by
    their unique indexes.
    """

    __tablename__: ClassVar[str] = "environment_secrets"
    __table_args__ = (
        Index(
            "uq_environment_secrets_project",
            "project_id",
            "environment",
            "name",
            unique=True,
            postgresql_where=text("skillpack_id is null"),
        ),
        Index(
            "uq_environment_secrets_skillpack",
            "skillpack_id",
            "environment",
            "name",
            unique=True,
            postgresql_where=text("skillpack_id is not null"),
        ),
        CheckConstraint(f"environment in {ENVIRONMENTS}", name="environment"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", index=True)
    skillpack_id: UUID | None = Field(default=None, foreign_key="skillpacks.id", ondelete="CASCADE")
    environment: str = Field(max_length=16)
    name: str = Field(max_length=128)
    ciphertext: str
    """Fernet token with the prefix `enc:v1:`."""
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_by: str = Field(default="", max_length=200)
