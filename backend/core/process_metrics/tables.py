"""Table of the metrics of processes."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class ProcessMetrics(SQLModel, table=True):
    """The metrics of one process; one row contains the sums of all ended processes."""

    __tablename__: ClassVar[str] = "process_metrics"

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    role: str = Field(max_length=16)
    """`api`, `worker`, or `gone`."""
    totals: dict[str, float] = Field(sa_column=Column(JSONB, nullable=False))
    """Sample → value of counters, which only increase."""
    gauges: dict[str, float] = Field(sa_column=Column(JSONB, nullable=False))
    """Sample → current value of gauges."""
    beat_at: datetime = Field(default_factory=now, sa_type=Timestamp)
