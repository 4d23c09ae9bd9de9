"""Table of job events, partitioned by month."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.db.engine import Timestamp

MICROSECOND: Final = timedelta(microseconds=1)

Earlier = tuple[int, str, dict[str, Any]]
"""How long before `ts` the event happened, in microseconds, its type and its payload. Names would double its size."""


class JobEventRow(SQLModel, table=True):
    """Events that one statement has appended to a job: the last one in the columns, those before it in `earlier`.

    Events are numbered 1, 2, 3… within their job. `queries` returns each as an object of its own.
    """

    __tablename__: ClassVar[str] = "job_events"
    __table_args__ = ({"postgresql_partition_by": "RANGE (ts)"},)

    job_id: UUID = Field(primary_key=True)
    seq: int = Field(primary_key=True)
    ts: datetime = Field(sa_type=Timestamp, primary_key=True)
    type: str = Field(max_length=64)
    payload: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    earlier: list[Earlier] | None = Field(default=None, sa_column=Column(JSONB(none_as_null=True)))
    """The events with the numbers directly below `seq`, in order."""
