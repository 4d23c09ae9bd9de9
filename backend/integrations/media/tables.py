"""Table of calls that generate media."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class MediaCall(SQLModel, table=True):
    """One call of a job, identified by its key: ordered and paid once; each repetition gets the same response."""

    __tablename__: ClassVar[str] = "media_calls"

    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE", primary_key=True)
    key: str = Field(max_length=255, primary_key=True)
    fingerprint: str = Field(max_length=64)
    """Hash of the request."""
    attempt: int
    """The attempt that works on the call, or has finished it."""
    held_micros: int = Field(sa_type=BigInteger)
    """What the call may still cost; 0 when it has finished or failed."""
    ordered: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """The data with which the provider identifies the order."""
    answer: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """The result."""
    renewed_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """When the lease of the call was last renewed."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
