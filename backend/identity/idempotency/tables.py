"""Table of idempotency keys."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class IdempotencyKey(SQLModel, table=True):
    """The first response for an idempotency key of a principal, stored for a day."""

    __tablename__: ClassVar[str] = "idempotency_keys"

    scope: str = Field(primary_key=True, max_length=200)
    """The principal that sent the key: its label and project."""
    key: str = Field(primary_key=True, max_length=255)
    fingerprint: str = Field(max_length=64)
    """SHA-256 of method, path and body: the same key with another body is rejected."""
    job_id: UUID | None = None
    """The job that the request created; its current state is the response."""
    status: int | None = None
    answer: str | None = None
    """Any other response, encrypted because it may contain a new API key."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp, index=True)
