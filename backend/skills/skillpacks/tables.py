"""Table of skillpacks."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, Uuid, text
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


def full_name(skill: str, slug: str, *, is_default: bool) -> str:
    """Return the name of a skill in its project.

    It is its own name in the default skillpack, else `skillpack/skill`.
    """
    return skill if is_default else f"{slug}/{skill}"


class Skillpack(SQLModel, table=True):
    """A series of deployments inside a project; at most one of them is active."""

    __tablename__: ClassVar[str] = "skillpacks"
    __table_args__ = (
        UniqueConstraint("project_id", "slug"),
        Index("uq_skillpacks_default", "project_id", unique=True, postgresql_where=text("is_default")),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    slug: str = Field(max_length=64)
    name: str = Field(max_length=200)
    description: str = Field(default="", max_length=4000)
    is_default: bool = False
    active_deployment_id: UUID | None = Field(
        default=None,
        sa_column=Column(
            Uuid, ForeignKey("deployments.id", use_alter=True, ondelete="SET NULL"), nullable=True
        ),
    )
    previous_deployment_id: UUID | None = Field(
        default=None,
        sa_column=Column(
            Uuid, ForeignKey("deployments.id", use_alter=True, ondelete="SET NULL"), nullable=True
        ),
    )
    """The deployment that was active before: the target of a rollback."""
    last_version: int = 0
    """Number of the newest version; the next push uses the next number."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)


class EnvironmentVersion(SQLModel, table=True):
    """The active version of a skillpack in development or staging. That of production is in `Skillpack`."""

    __tablename__: ClassVar[str] = "environment_versions"
    __table_args__ = (
        CheckConstraint("environment in ('development', 'staging')", name="environment"),
        Index("ix_environment_versions_project_id", "project_id"),
    )

    skillpack_id: UUID = Field(foreign_key="skillpacks.id", ondelete="CASCADE", primary_key=True)
    environment: str = Field(max_length=16, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    active_deployment_id: UUID = Field(foreign_key="deployments.id", ondelete="CASCADE")
    previous_deployment_id: UUID | None = Field(
        default=None, foreign_key="deployments.id", ondelete="SET NULL"
    )
    """The deployment that was active before: the target of a rollback."""
    activated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    activated_by: str = Field(default="", max_length=200)
