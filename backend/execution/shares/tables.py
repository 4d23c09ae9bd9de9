"""Table of the links that share jobs."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class JobShare(SQLModel, table=True):
    """A link that shares a job. Revoking it deletes the row."""

    __tablename__: ClassVar[str] = "job_shares"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        Index("ix_job_shares_job_id", "job_id"),
        Index("ix_job_shares_project_id", "project_id"),
        Index("ix_job_shares_expires_at", "expires_at"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE")
    token_hash: str = Field(max_length=64)
    """SHA-256 of the token in the link, which is not stored."""
    created_by: str = Field(max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    expires_at: datetime = Field(sa_type=Timestamp)
