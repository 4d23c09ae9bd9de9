"""Table of job events, partitioned by month."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.db.engine import Timestamp


class JobEvent(SQLModel, table=True):
    """An event of a job, numbered 1, 2, 3… within the job; append-only."""

    __tablename__: ClassVar[str] = "job_events"
    __table_args__ = ({"postgresql_partition_by": "RANGE (ts)"},)

    job_id: UUID = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    ts: datetime = Field(sa_type=Timestamp, primary_key=True)
    type: str = Field(max_length=64)
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
