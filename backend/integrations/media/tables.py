"""Table of calls that make media."""

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
    """One call of a job, by its key: ordered once, paid once, answered as often as it is sent."""

    __tablename__: ClassVar[str] = "media_calls"

    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE", primary_key=True)
    key: str = Field(max_length=255, primary_key=True)
    fingerprint: str = Field(max_length=64)
    """Of what was asked for."""
    attempt: int
    """The one that works on it, or has."""
    held_micros: int = Field(sa_type=BigInteger)
    """What it may still cost; nothing once it is answered or given up."""
    ordered: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """What finds the order at its provider again."""
    answer: dict[str, Any] | None = Field(default=None, sa_column=Column(JSONB, nullable=True))
    """What came of it."""
    renewed_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """When somebody last worked on it."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
