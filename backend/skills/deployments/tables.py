"""Table of deployments."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class Deployment(SQLModel, table=True):
    """An immutable bundle with its parsed manifest.

    A `draft` has no version and is deleted after seven days.
    """

    __tablename__: ClassVar[str] = "deployments"
    __table_args__ = (
        UniqueConstraint("skillpack_id", "version"),
        CheckConstraint("kind in ('version', 'draft')", name="kind"),
        CheckConstraint("(kind = 'version') = (version is not null)", name="version"),
        Index("ix_deployments_project_id_created_at", "project_id", text("created_at DESC")),
        Index("ix_deployments_sha256", "sha256"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    skillpack_id: UUID = Field(foreign_key="skillpacks.id", ondelete="CASCADE")
    kind: str = "version"
    version: int | None = None
    sha256: str = Field(max_length=64)
    """SHA-256 of the ZIP, which is also its key in the storage."""
    size_bytes: int = Field(sa_type=BigInteger)
    manifest: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """`backend.skills.manifest.types.Manifest` as JSON."""
    warnings: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    notes: str = Field(default="", max_length=4000)
    created_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    gate: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True)
    )
    """State of the eval gates of its skills, once its activation was requested: `evals.gates.GateRead`."""
    deleted_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """Deleted versions keep their row, since jobs refer to it; the bundle is removed when no deployment uses
    it."""
