"""Tables of schedules and of their runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Index, Select, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSON
from sqlmodel import Column, Field, SQLModel, col

from backend.core.clock import now
from backend.core.db.engine import Timestamp
from backend.identity.auth.principal import Principal
from backend.identity.environments import PRODUCTION, Environment, environment_column

OVERLAPS = ("skip", "queue", "cancel_previous", "allow")
MISSED = ("skip", "run_once")
OUTCOMES = ("submitted", "skipped", "missed", "refused", "queued")


class Schedule(SQLModel, table=True):
    """A cron expression with a time zone that submits jobs."""

    __tablename__: ClassVar[str] = "schedules"
    __table_args__ = (
        CheckConstraint(f"overlap in {OVERLAPS}", name="overlap"),
        CheckConstraint(f"missed in {MISSED}", name="missed"),
        CheckConstraint("(listing = '') = (skillpack_id is not null)", name="of_one"),
        UniqueConstraint("project_id", "name"),
        Index("ix_schedules_next_at_due", "next_at", postgresql_where=text("next_at is not null")),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    name: str = Field(max_length=100)
    skillpack_id: UUID | None = Field(default=None, foreign_key="skillpacks.id", ondelete="CASCADE")
    skill_name: str = Field(max_length=200)
    listing: str = Field(default="", max_length=100, sa_column_kwargs={"server_default": ""})
    """Slug of the listing to run instead of a skill of the project."""
    # The column keeps its former name, since workers of the previous release use it during an upgrade.
    max_price_micros: int = Field(
        default=0, sa_column=Column("most_price_micros", BigInteger, nullable=False, server_default=text("0"))
    )
    """The schedule rejects a run of the listing whose price is higher."""
    version: int | None = None
    """Null: the version that is active when the job is submitted; for a listing, its newest version."""
    inputs: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    limits: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    job_metadata: dict[str, Any] = Field(sa_column=Column("metadata", JSON, nullable=False))
    cron: str = Field(max_length=200)
    time_zone: str = Field(max_length=100)
    overlap: str = "skip"
    missed: str = "skip"
    catch_up_s: int = 86_400
    enabled: bool = True
    next_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """The next due time; null while the schedule is off."""
    environment: Environment = Field(default=PRODUCTION, sa_column=environment_column())
    """The environment of all jobs."""
    input_key_id: UUID | None = None
    """The API key that set the inputs. Each run checks again which files of the drive the key may read."""
    started_by_agent: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """An agent outside of this instance created or changed the schedule; its jobs record that."""
    created_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)

    @classmethod
    def restrict(cls, query: Select[Any], principal: Principal) -> Select[Any]:
        """Return the query without the schedules of environments that a key of another one cannot see."""
        if principal.confined_to is None:
            return query
        return query.where(col(cls.environment) == principal.confined_to)


class ScheduleRun(SQLModel, table=True):
    """One run of a schedule; unique for its due time."""

    __tablename__: ClassVar[str] = "schedule_runs"
    __table_args__ = (
        CheckConstraint(f"outcome in {OUTCOMES}", name="outcome"),
        UniqueConstraint("schedule_id", "due_at"),
        Index(
            "ix_schedule_runs_schedule_id_job",
            "schedule_id",
            text("due_at DESC"),
            postgresql_where=text("job_id is not null"),
        ),
        Index(
            "ix_schedule_runs_project_id_schedule_id_due_at",
            "project_id",
            "schedule_id",
            text("due_at DESC"),
            text("id DESC"),
        ),
        Index("ix_schedule_runs_created_at", "created_at"),
        Index(
            "ix_schedule_runs_schedule_id_due_at_queued",
            "schedule_id",
            "due_at",
            postgresql_where=text("outcome = 'queued'"),
        ),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    schedule_id: UUID = Field(foreign_key="schedules.id", ondelete="CASCADE")
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    due_at: datetime = Field(sa_type=Timestamp)
    by_hand: bool = False
    outcome: str = "submitted"
    job_id: UUID | None = None
    reason: str = Field(default="", max_length=1_000)
    """The reason why there is no job, or the missed times that the job replaces."""
    code: str = Field(default="", max_length=100)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
