"""Table of worker processes."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class Worker(SQLModel, table=True):
    """One worker process. Its heartbeat covers all its jobs."""

    __tablename__: ClassVar[str] = "workers"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    host: str = Field(max_length=253)
    pid: int
    lanes: list[str] = Field(sa_column=Column(ARRAY(TEXT), nullable=False))
    capacity: int
    running: int = 0
    sandbox_layers: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(TEXT), nullable=False))
    started_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    beat_at: datetime = Field(default_factory=now, sa_type=Timestamp, index=True)
    stopping: bool = False
    shortage: str | None = Field(default=None, sa_type=TEXT)
    """The resource that the host lacks, so that the worker claims no jobs; null: it claims jobs."""
