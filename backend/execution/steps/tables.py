"""Table of the durable steps of functions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Column, Field, SQLModel

from backend.core.db.engine import Timestamp

Kind = Literal["step", "sleep", "event", "emit"]
Status = Literal["started", "finished", "failed"]
KINDS = ("step", "sleep", "event", "emit")
STATUSES = ("started", "finished", "failed")


class JobStep(SQLModel, table=True):
    """One durable step of a function: its stored outcome, or the mark that a step with `once` has started."""

    __tablename__: ClassVar[str] = "job_steps"
    __table_args__ = (
        CheckConstraint(f"kind in {KINDS}", name="kind"),
        CheckConstraint(f"status in {STATUSES}", name="status"),
        CheckConstraint("position > 0 and occurrence > 0", name="position"),
    )

    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE", primary_key=True)
    branch: str = Field(max_length=200, primary_key=True)
    """The branch of `parallel` that ran the step; empty for the function itself."""
    position: int = Field(primary_key=True)
    """The number of the step in its branch, from 1."""
    name: str = Field(max_length=200)
    occurrence: int
    """Counts the steps with this name in the branch, from 1."""
    kind: str = Field(max_length=16)
    status: str = Field(max_length=16)
    attempt: int
    """The attempt of the job that stored the step; 0: it was copied from another job."""
    retries: int
    """The retries of the job when the step was stored: a failure that ended the job runs again after a retry."""
    tries: int
    """How often this attempt of the job has called the function of the step."""
    result: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    """Stored as `json`, so that numbers and the order of keys stay what the function returned."""
    error: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    """`module`, `type`, `message` and, if they are JSON, `args` of the error of a failed step."""
    started_at: datetime = Field(sa_type=Timestamp)
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)
