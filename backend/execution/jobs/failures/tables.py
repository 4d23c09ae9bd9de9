"""The table of failure clusters. Its rows are written for failed jobs only."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class FailureCluster(SQLModel, table=True):
    """An error that at least one job of the project had. Its jobs are those with this `error_signature`."""

    __tablename__: ClassVar[str] = "failure_clusters"
    __table_args__ = (Index("ix_failure_clusters_first_seen_at", "first_seen_at"),)

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    signature: str = Field(max_length=16, primary_key=True)
    skill_name: str = Field(max_length=200)
    error_code: str = Field(max_length=64)
    message: str = Field(max_length=300)
    """Without the parts that differ from run to run."""
    frame: str = Field(max_length=300)
    first_version: int | None = None
    """The version of the first job that had the error."""
    first_seen_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """When the first job with the error ended."""
