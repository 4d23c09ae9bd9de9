"""Tables of jobs, their queue, the admission windows and feedback."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    Index,
    Select,
    String,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, TEXT
from sqlmodel import Column, Field, SQLModel, col

from backend.core.clock import now
from backend.core.db.engine import Timestamp
from backend.identity.auth.principal import Principal
from backend.identity.environments import PRODUCTION, Environment, environment_column

APPROVALS = ("none", "needed", "given")
BILLS = ("own", "owed", "folded")
STATUSES = ("queued", "running", "waiting", "succeeded", "failed", "cancelled")
SIMULATED = "rehearsal"
"""The label of replies, receipts and `usage` of simulated jobs."""
SIMULATED_STEPS = "steps"
"""`usage.simulated_from` of a flow whose steps were simulated."""


class Job(SQLModel, table=True):
    """One run of one skill of one deployment."""

    __tablename__: ClassVar[str] = "jobs"
    __table_args__ = (
        CheckConstraint(f"status in {STATUSES}", name="status"),
        CheckConstraint("reserved_micros >= 0", name="reserved_micros"),
        CheckConstraint(f"bill in {BILLS}", name="bill"),
        CheckConstraint(f"approval in {APPROVALS}", name="approval"),
        CheckConstraint(
            "(finished_at is not null) = (status in ('succeeded', 'failed', 'cancelled'))", name="finished"
        ),
        # Ascending: jobs are added in the order of their time, and PostgreSQL splits a page that is filled at its end
        # when it is full, but any other one in the middle. Without the ID: jobs of the same microsecond are few enough
        # to be sorted when they are read.
        Index("ix_jobs_project_id_created_at", "project_id", "created_at"),
        Index("ix_jobs_project_id_skill_name_created_at", "project_id", "skill_name", "created_at"),
        Index("ix_jobs_project_id_status_created_at", "project_id", "status", "created_at"),
        Index(
            "ix_jobs_project_id_deployment_version_created_at",
            "project_id",
            "deployment_version",
            "created_at",
        ),
        Index("ix_jobs_project_id_source_created_at", "project_id", "source", "created_at"),
        Index(
            "ix_jobs_project_id_finished_at",
            "project_id",
            "finished_at",
            postgresql_where=text("finished_at is not null"),
        ),
        # The orders of a list. Jobs that have not ended are in neither, so that only the end of a job writes to them.
        # With the ID, as many jobs have the same cost: none.
        Index(
            "ix_jobs_project_id_cost",
            "project_id",
            text("(cost_micros + called_cost_micros)"),
            "id",
            postgresql_where=text("finished_at is not null"),
        ),
        Index(
            "ix_jobs_project_id_duration",
            "project_id",
            text("(finished_at - coalesce(first_started_at, started_at, finished_at))"),
            "id",
            postgresql_where=text("finished_at is not null"),
        ),
        # Failed jobs only, with all columns of their clusters, so that a job that succeeds does not write to it.
        Index(
            "ix_jobs_project_id_error_signature",
            "project_id",
            "error_signature",
            "created_at",
            postgresql_where=text("error_signature is not null"),
            postgresql_include=["skill_name", "deployment_version", "environment"],
        ),
        # A live job has a worker exactly while it runs. One index finds the running jobs of a worker and the live jobs
        # of a deployment, so that the start of a job writes to one.
        Index(
            "ix_jobs_worker_id_live",
            "worker_id",
            "deployment_id",
            postgresql_where=text("finished_at is null"),
        ),
        Index("ix_jobs_parent_job_id", "parent_job_id", postgresql_where=text("parent_job_id is not null")),
        Index(
            "ix_jobs_parent_job_id_live",
            "parent_job_id",
            postgresql_where=text("parent_job_id is not null and finished_at is null"),
        ),
        Index(
            "ix_jobs_session_id",
            "session_id",
            "created_at",
            postgresql_where=text("session_id is not null"),
        ),
        # Without the jobs of production, so that their submission does not write to it.
        Index(
            "ix_jobs_project_id_environment_created_at",
            "project_id",
            "environment",
            "created_at",
            postgresql_where=text("environment <> 'production'"),
        ),
        Index("ix_jobs_project_id_owed", "project_id", postgresql_where=text("bill = 'owed'")),
        Index(
            "ix_jobs_project_id_interrupted",
            "project_id",
            postgresql_where=text("status in ('queued', 'waiting') and attempt > 0"),
        ),
        Index(
            "ix_jobs_api_key_id",
            "api_key_id",
            "created_at",
            postgresql_where=text("api_key_id is not null"),
        ),
        Index(
            "ix_jobs_publisher_id_live",
            "publisher_id",
            postgresql_where=text("publisher_id is not null and finished_at is null"),
        ),
        {"postgresql_with": {"fillfactor": "80", "autovacuum_vacuum_scale_factor": "0.02"}},
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    skillpack_id: UUID
    deployment_id: UUID | None = None
    """None for a prompt that was submitted without a skillpack."""
    deployment_version: int | None = None
    skill_name: str = Field(max_length=200)
    type: str = "deterministic"
    """`deterministic`, `agentic`, `flow`, or `kernel`: that of a notebook."""
    prompt: str | None = None
    """The prompt of a job without a skill."""
    model: str | None = Field(default=None, max_length=200)
    """The language model that was requested instead of the one that the skill names."""
    parent_job_id: UUID | None = None
    is_step: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """The parent is a flow. The job has a queue entry and a place in the window of its own, unlike other subjobs."""
    replay_of: UUID | None = None
    session_id: UUID | None = None
    """The session whose turn the job is."""
    environment: Environment = Field(default=PRODUCTION, sa_column=environment_column())
    """The environment of the key, the session, the schedule or the calling job; it never changes."""
    approval: str = Field(default="none", max_length=8, sa_column_kwargs={"server_default": "none"})
    """`needed`: the job starts only after a user has approved it; `given`: the call that started it was approved."""
    started_by_agent: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """An agent outside of this instance submitted the job, its parent, or the job or suite that it was made from."""
    status: str = "queued"
    """Only `jobs.transitions` writes it."""
    inputs: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """Stored as `json`, like the result, because `jsonb` does not preserve the order of keys."""
    result: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    outputs: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    """Files of the result: `{name, drive_path, size_bytes, mime}`."""
    error: str | None = None
    error_code: str | None = Field(default=None, max_length=64)
    error_signature: str | None = Field(default=None, max_length=16)
    """What failures for the same reason have in common, a key of `failure_clusters`; None for other jobs."""
    attempt: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """The number of claims of the job, which is the fencing token."""
    continuations: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """How many of the claims continued the job after a wait. Users see them as parts of one attempt."""
    is_continued: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Whether the next claim continues the job after a wait."""
    losses: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """The number of lost worker processes of the job."""
    losses_alone: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """The number of lost processes that ran nothing else. Only these count against the job."""
    retries: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Attempts that the retry rule of the skill has added."""
    worker_id: UUID | None = None
    lane: str = Field(default="default", max_length=64)
    priority: int = 0
    source: str = Field(default="api", max_length=64)
    """The origin of the job: `api`, `studio`, `cli`, `replay`…"""
    job_metadata: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'"))
    )
    limits: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    """Limits of the request, below those of the skill: `{timeout_s, cost_usd, memory_mb, output_mb}`."""
    usage: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    steps: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    cost_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    cap_micros: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """The maximum cost. It is reserved when the job is claimed."""
    used_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The bill of everything that its attempts have used so far. What is charged is decided when the job ends."""
    forgiven_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The part of the bill that is not charged because the job failed or was canceled."""
    called_used_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The bills of its subjobs that have ended, with their own subjobs. This job pays them with its own bill."""
    called_cost_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The charged part of `called_used_micros`, after the end of the job. `cost_micros` does not include it."""
    called_forgiven_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    over_lent_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """For a subjob: what it and its own subjobs have used beyond the loan. The parent does not owe it."""
    bill: str = Field(default="own", max_length=8, sa_column_kwargs={"server_default": "own"})
    """Who pays: `own`: the job itself; `owed`: the parent, when it ends; `folded`: the parent has paid."""
    forgivable_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("1000000"))
    )
    """The daily amount that the project is forgiven, as the instance was configured at submission."""
    reserved_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    listing_id: UUID | None = None
    """The marketplace listing that the job runs, if any. Its subjobs have the same."""
    listing: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    """Slug of the listing."""
    listing_version: int | None = None
    publisher_id: UUID | None = None
    """The project that owns the code and the secrets, if it is another one than `project_id`."""
    price_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """Price of the listing at submission: part of the cap, and a line item if the job succeeds."""
    earning_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The part of the price that the publisher receives."""
    event_seq: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Number of the newest event."""
    cancel_requested_at: datetime | None = Field(default=None, sa_type=Timestamp)
    eval_score: int | None = None
    """0 to 100, from the skill's graders."""
    eval_results: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True)
    )
    """Verdicts of the graders: `{score, passed, graders}`."""
    input_versions: dict[str, str] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True)
    )
    """For files that the inputs name, if the submitter may not read the whole drive: the version that was checked.
    An attempt fails instead of reading another version."""
    submitted_by: str = Field(default="", max_length=200)
    """`Principal.label` of the submitter."""
    api_key_id: UUID | None = None
    request_id: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    """ID of the request that submitted the job. The logs of all processes contain it."""
    traceparent: str = Field(default="", max_length=55, sa_column_kwargs={"server_default": ""})
    """The W3C traceparent of the submission while tracing is on. The spans of the attempts are its descendants."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """When the running attempt started."""
    first_started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """When the first attempt started; None also for jobs of earlier releases."""
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)

    @classmethod
    def restrict(cls, query: Select[Any], principal: Principal) -> Select[Any]:
        """Return the query without the jobs that the principal may not see.

        A publishable or restricted key sees only the jobs that it submitted itself, and those of the keys that it
        replaces or that replace it, unless it has the scope `jobs:read`. A job sees only its own row and its subjobs. A
        publishable key, which many users share, sees no turns of sessions: each of these belongs to one user. A key
        of development or staging sees only the jobs of its environment.
        """
        if principal.confined_to is not None:
            query = query.where(in_environment(principal.confined_to))
        if principal.kind == "publishable_key":
            return query.where(principal.owns(col(cls.api_key_id)), col(cls.session_id).is_(None))
        if principal.sees_own_jobs_only:
            return query.where(principal.owns(col(cls.api_key_id)))
        if principal.kind == "job":
            return query.where((col(cls.id) == principal.id) | (col(cls.parent_job_id) == principal.id))
        return query


def in_environment(environment: Environment) -> ColumnElement[bool]:
    """Return the condition for the jobs of an environment, as a constant, which the index without production needs."""
    return col(Job.environment) == literal_column(f"'{environment}'", String)


class QueuedJob(SQLModel, table=True):
    """The queue entry of a job. The table is small, so that the cost of a claim does not grow with `jobs`."""

    __tablename__: ClassVar[str] = "job_queue"
    __table_args__ = (
        Index(
            "ix_job_queue_ready", "lane", "stamp", postgresql_where=text("stamp is not null and not suspect")
        ),
        Index(
            "ix_job_queue_suspect", "lane", "stamp", postgresql_where=text("stamp is not null and suspect")
        ),
        Index(
            "ix_job_queue_parked",
            "project_id",
            text("priority DESC"),
            "submitted_at",
            "job_id",
            postgresql_where=text("stamp is null and not is_later"),
        ),
        Index("ix_job_queue_project_id_ready", "project_id", postgresql_where=text("stamp is not null")),
        Index("ix_job_queue_later", "not_before", postgresql_where=text("is_later")),
        Index("ix_job_queue_project_id_later", "project_id", postgresql_where=text("is_later")),
        {
            "postgresql_with": {
                "fillfactor": "80",
                "autovacuum_vacuum_scale_factor": "0.01",
                "autovacuum_vacuum_cost_delay": "0",
            }
        },
    )

    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE", primary_key=True)
    project_id: UUID
    lane: str = Field(max_length=64)
    priority: int
    stamp: int | None = Field(default=None, sa_type=BigInteger)
    """Start-time-fair virtual time; null while the job is pending outside the window of its project."""
    suspect: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """The job is quarantined: it was in several lost workers and runs alone from now on."""
    held_by: UUID | None = None
    """The worker process that drains in order to run this quarantined job."""
    not_before: datetime | None = Field(default=None, sa_type=Timestamp)
    """The earliest time of admission (`run_at`, retry delay)."""
    is_later: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """`not_before` has not passed yet, or no sweep has run since. The entry is in no index that admission reads."""
    cap_micros: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """The maximum cost of the job. The wallet must be able to hold it before the job is admitted."""
    submitted_at: datetime = Field(sa_type=Timestamp)


class Admission(SQLModel, table=True):
    """A project's admission window and its place in fair virtual time."""

    __tablename__: ClassVar[str] = "admissions"
    __table_args__ = (
        CheckConstraint("concurrency_limit > 0", name="concurrency_limit"),
        CheckConstraint("weight > 0", name="weight"),
        {"postgresql_with": {"fillfactor": "50"}},
    )

    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE", primary_key=True)
    concurrency_limit: int = 50
    """The maximum number of jobs of the project that are ready or running at the same time."""
    weight: int = 1
    lanes: list[str] = Field(
        default_factory=list, sa_column=Column(ARRAY(TEXT), nullable=False, server_default=text("'{}'"))
    )
    """Lanes that the project may use in addition to `default`."""
    admitted: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """The number of its ready and running jobs."""
    parked: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """The number of its jobs outside the window. It is stored, because every submission compares it with the limit."""
    tail: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """The earliest virtual time at which its next job starts."""


class Feedback(SQLModel, table=True):
    """The rating of a job; one row per job and end user."""

    __tablename__: ClassVar[str] = "feedback"
    __table_args__ = (
        UniqueConstraint("job_id", "given_by"),
        CheckConstraint("rating between -1 and 1", name="rating"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE")
    given_by: str = Field(max_length=300)
    """`end_user:<end_user_id>` if the caller names one, otherwise the label of the principal."""
    rating: int
    comment: str = Field(default="", max_length=4000)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
