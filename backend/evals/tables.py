"""Define the tables of evals: suites, their runs, and saved cases."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

STATUSES = ("preparing", "running", "succeeded", "failed", "cancelled")


class EvalSuite(SQLModel, table=True):
    """One suite: a skill of one version, run on its cases. Its progress follows from its jobs."""

    __tablename__: ClassVar[str] = "eval_suites"
    __table_args__ = (
        CheckConstraint(f"status in {STATUSES}", name="status"),
        Index(
            "ix_eval_suites_skillpack_id_skill_name_created_at",
            "skillpack_id",
            "skill_name",
            text("created_at DESC"),
            text("id DESC"),
        ),
        Index("ix_eval_suites_project_id_created_at", "project_id", text("created_at DESC"), text("id DESC")),
        Index("ix_eval_suites_created_at_live", "created_at", postgresql_where=text("finished_at is null")),
        Index("ix_eval_suites_finished_at", "finished_at", postgresql_where=text("finished_at is not null")),
        Index("ix_eval_suites_deployment_id", "deployment_id"),
        Index(
            "uq_eval_suites_baseline",
            "skillpack_id",
            "skill_name",
            unique=True,
            postgresql_where=text("is_baseline"),
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    skillpack_id: UUID = Field(foreign_key="skillpacks.id", ondelete="CASCADE")
    skill_name: str = Field(max_length=200)
    deployment_id: UUID = Field(foreign_key="deployments.id", ondelete="CASCADE")
    deployment_version: int | None = None
    status: str = "running"
    """`preparing`: its cases are not read yet."""
    waiting_reason: str = Field(default="", max_length=2000)
    """The reason why its next jobs are not submitted at the moment."""
    error: str = Field(default="", max_length=2000)
    """The reason why it ended without numbers."""
    repeat: int = 1
    threshold: float | None = None
    """Percent of the runs that must pass; None: no condition."""
    model: str | None = Field(default=None, max_length=200)
    """The model to use instead of the skill's. `recording` replays the earlier run of each case."""
    total_runs: int = 0
    is_gate: bool = False
    """Its result decides whether its version becomes active."""
    is_baseline: bool = False
    """A reviewed suite: later versions must not be worse."""
    summary: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True)
    )
    """Its numbers after its end, which outlive its jobs."""
    created_by: str = Field(default="", max_length=200)
    """`Principal.label` of the user or key that started it."""
    actor_kind: str = Field(default="user", max_length=32)
    actor_id: UUID
    """ID of the user or the key, whose limits apply to the jobs of the suite."""
    started_by_agent: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """An agent outside this instance started it, and so its jobs."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)


class EvalRun(SQLModel, table=True):
    """One run of one case; it has a job after the submission."""

    __tablename__: ClassVar[str] = "eval_runs"
    __table_args__ = (
        Index("uq_eval_runs_job_id", "job_id", unique=True, postgresql_where=text("job_id is not null")),
        Index(
            "ix_eval_runs_suite_id_waiting",
            "suite_id",
            "number",
            postgresql_where=text("submitted_at is null and error is null"),
        ),
    )

    suite_id: UUID = Field(foreign_key="eval_suites.id", ondelete="CASCADE", primary_key=True)
    number: int = Field(primary_key=True)
    """From 1, in the order of submission."""
    round: int = 1
    """Which of the `repeat` runs of its case it is."""
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    case_id: str = Field(max_length=200)
    inputs: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    expected: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    has_expected: bool = False
    tags: list[str] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    model: str | None = Field(default=None, max_length=200)
    """The model that its job is submitted with."""
    conversation: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    """The conversation that its job continues, as `Turn.as_dict` returns it; None: none."""
    submitted_at: datetime | None = Field(default=None, sa_type=Timestamp)
    job_id: UUID | None = Field(default=None, foreign_key="jobs.id", ondelete="SET NULL")
    error: str | None = Field(default=None, max_length=2000)
    """The reason why there is no job."""


class EvalCase(SQLModel, table=True):
    """A case that was saved from a job, in addition to the skill's dataset."""

    __tablename__: ClassVar[str] = "eval_cases"
    __table_args__ = (
        UniqueConstraint("skillpack_id", "skill_name", "case_id", "project_id"),
        Index("ix_eval_cases_project_id_created_at", "project_id", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_eval_cases_source_job_id",
            "source_job_id",
            postgresql_where=text("source_job_id is not null"),
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    skillpack_id: UUID = Field(foreign_key="skillpacks.id", ondelete="CASCADE")
    skill_name: str = Field(max_length=200)
    case_id: str = Field(max_length=200)
    inputs: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    expected: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    has_expected: bool = False
    tags: list[str] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    conversation: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSON(none_as_null=True), nullable=True)
    )
    """The conversation that the job continued, as `Turn.as_dict` returns it; None: none."""
    source_job_id: UUID | None = Field(default=None, foreign_key="jobs.id", ondelete="SET NULL")
    """The job that it was made from."""
    created_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
