"""Tables of annotation queues, of their items, and of annotations."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, Select, UniqueConstraint, select, text
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlmodel import Column, Field, SQLModel, col

from backend.core.clock import now
from backend.core.db.engine import Timestamp
from backend.execution.jobs.tables import Job, in_environment
from backend.identity.auth.principal import Principal

ITEM_STATUSES = ("pending", "done", "skipped")


class AnnotationQueue(SQLModel, table=True):
    """Jobs that reviewers score with the same rubric."""

    __tablename__: ClassVar[str] = "annotation_queues"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    name: str = Field(max_length=200)
    instructions: str = Field(default="", max_length=10_000)
    filter: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True)
    )
    """`JobViewFilters`: ended jobs that match are added. None: jobs are only added by hand."""
    rubric: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    """`Criterion` of each value that a reviewer gives."""
    filled_until: datetime | None = Field(default=None, sa_type=Timestamp)
    """Jobs that ended before this time were compared with the filter."""
    created_by: str = Field(max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)


class _OfVisibleJobs:
    """Rows about a job, which a key of development or staging sees only for jobs of its environment."""

    @classmethod
    def restrict(cls, query: Select[Any], principal: Principal) -> Select[Any]:
        """Return the query without the rows of jobs that the principal may not see."""
        if principal.confined_to is None:
            return query
        jobs = select(col(Job.id)).where(
            col(Job.project_id) == principal.project_id, in_environment(principal.confined_to)
        )
        columns: Any = cls
        return query.where(columns.job_id.in_(jobs))


class AnnotationItem(_OfVisibleJobs, SQLModel, table=True):
    """A job in a queue."""

    __tablename__: ClassVar[str] = "annotation_items"
    __table_args__ = (
        CheckConstraint(f"status in {ITEM_STATUSES}", name="status"),
        UniqueConstraint("queue_id", "job_id"),
        Index("ix_annotation_items_queue", "project_id", "queue_id", "number"),
        Index("ix_annotation_items_queue_status", "project_id", "queue_id", "status", "number"),
        Index("ix_annotation_items_job_id", "job_id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    number: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), nullable=False)
    )
    """The order of the items."""
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    queue_id: UUID = Field(foreign_key="annotation_queues.id", ondelete="CASCADE")
    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE")
    status: str = Field(default="pending", max_length=16)
    added_by: str = Field(max_length=200)
    """The label of the user or key that added it, or `filter`."""
    added_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    claimed_by: str | None = Field(default=None, max_length=200)
    """The reviewer who works on it until `claimed_until`."""
    claimed_until: datetime | None = Field(default=None, sa_type=Timestamp)
    completed_by: str | None = Field(default=None, max_length=200)
    completed_at: datetime | None = Field(default=None, sa_type=Timestamp)


class Annotation(_OfVisibleJobs, SQLModel, table=True):
    """What one reviewer says about a job, or about a step of it."""

    __tablename__: ClassVar[str] = "annotations"
    __table_args__ = (
        UniqueConstraint("job_id", "queue_id", "created_by", "step"),
        Index("ix_annotations_queue_id", "queue_id"),
        Index("ix_annotations_queue", "project_id", "queue_id", "job_id", "id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE")
    queue_id: UUID | None = Field(default=None, foreign_key="annotation_queues.id", ondelete="SET NULL")
    """None: the queue was deleted."""
    step: str = Field(default="", max_length=200)
    """The step of the job that it is about; empty: the whole job."""
    scores: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False, server_default=text("'{}'")))
    """A number, a category or a boolean for each criterion."""
    comment: str = Field(default="", max_length=10_000)
    corrected_output: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    has_corrected_output: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """False: the reviewer has not corrected the output, which differs from a corrected `null`."""
    created_by: str = Field(max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
