"""The table of failure clusters. Its rows are written for failed jobs only, and when a user decides about an error."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Literal, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

FailureState = Literal["open", "resolved", "ignored"]
STATES: Final[tuple[FailureState, ...]] = get_args(FailureState)
MAX_NOTE_CHARACTERS: Final = 1_000


class FailureCluster(SQLModel, table=True):
    """An error that at least one job of the project had. Its jobs are those with this `error_signature`."""

    __tablename__: ClassVar[str] = "failure_clusters"
    __table_args__ = (
        CheckConstraint(f"state in {STATES}", name="state"),
        Index("ix_failure_clusters_first_seen_at", "first_seen_at"),
    )

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    signature: str = Field(max_length=16, primary_key=True)
    skill_name: str = Field(max_length=200)
    error_code: str = Field(max_length=64)
    message: str = Field(max_length=300)
    """Without the parts that differ from run to run."""
    frame: str = Field(max_length=300)
    first_version: int | None = None
    """The version of the first job that had the error."""
    first_seen_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """When the first job with the error ended."""
    state: str = Field(default="open", max_length=8, sa_column_kwargs={"server_default": "open"})
    """The last decision. `states.current` also considers what has happened since."""
    state_changed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    state_changed_by: str = Field(default="", max_length=200, sa_column_kwargs={"server_default": ""})
    note: str = Field(default="", max_length=MAX_NOTE_CHARACTERS, sa_column_kwargs={"server_default": ""})
    fixed_in_version: int | None = None
    """Of a resolved error: jobs of earlier versions, and of drafts, do not open it again. None: any job does."""
    ignored_until: datetime | None = Field(default=None, sa_type=Timestamp)
    ignored_jobs: int | None = None
    """Of an ignored error: this number of further jobs opens it again. None: jobs do not."""
