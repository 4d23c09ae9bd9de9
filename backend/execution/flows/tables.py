"""Table of the steps of flows."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Column, Field, SQLModel

from backend.core.db.engine import Timestamp

STATUSES = ("running", "succeeded", "failed", "skipped")


class FlowStep(SQLModel, table=True):
    """One step of the job of a flow, or one element of a step with `for_each`."""

    __tablename__: ClassVar[str] = "flow_steps"
    __table_args__ = (
        CheckConstraint(f"status in {STATUSES}", name="status"),
        Index(
            "ix_flow_steps_child_job_id", "child_job_id", postgresql_where=text("child_job_id is not null")
        ),
        Index("ix_flow_steps_running", "job_id", postgresql_where=text("status = 'running'")),
    )

    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE", primary_key=True)
    step: str = Field(max_length=64, primary_key=True)
    """ID of the step in the flow.yaml."""
    item: int = Field(primary_key=True)
    """Position of the element, from 0; -1 for a step without `for_each`, -2 for the job that undoes the step."""
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    kind: str = Field(max_length=16)
    status: str = Field(max_length=16)
    tries: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """The number of jobs that the step has started."""
    child_job_id: UUID | None = None
    """The newest job of the step."""
    result: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """Stored as `json`, like results of jobs."""
    error: str | None = None
    error_code: str | None = Field(default=None, max_length=64)
    started_at: datetime = Field(sa_type=Timestamp)
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)
    is_copied: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Whether the result is that of another job, of which this one is a fork."""
