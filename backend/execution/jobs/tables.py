"""Tables of jobs, their queue, the admission windows and feedback."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, Index, Select, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, TEXT
from sqlmodel import Column, Field, SQLModel, col

from backend.core.clock import now
from backend.core.db.engine import Timestamp
from backend.identity.auth.principal import Principal

APPROVALS = ("none", "needed", "given")
BILLS = ("own", "owed", "folded")
STATUSES = ("queued", "running", "waiting", "succeeded", "failed", "cancelled")


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
        Index("ix_jobs_project_id_created_at", "project_id", text("created_at DESC"), text("id DESC")),
        Index(
            "ix_jobs_project_id_skill_name_created_at",
            "project_id",
            "skill_name",
            text("created_at DESC"),
            text("id DESC"),
        ),
        Index(
            "ix_jobs_project_id_status_created_at",
            "project_id",
            "status",
            text("created_at DESC"),
            text("id DESC"),
        ),
        Index(
            "ix_jobs_project_id_deployment_version_created_at",
            "project_id",
            "deployment_version",
            text("created_at DESC"),
            text("id DESC"),
        ),
        Index(
            "ix_jobs_project_id_source_created_at",
            "project_id",
            "source",
            text("created_at DESC"),
            text("id DESC"),
        ),
        Index(
            "ix_jobs_project_id_finished_at",
            "project_id",
            "finished_at",
            postgresql_where=text("finished_at is not null"),
        ),
        Index("ix_jobs_worker_id_running", "worker_id", postgresql_where=text("status = 'running'")),
        Index("ix_jobs_deployment_id_live", "deployment_id", postgresql_where=text("finished_at is null")),
        Index("ix_jobs_parent_job_id", "parent_job_id", postgresql_where=text("parent_job_id is not null")),
        Index(
            "ix_jobs_parent_job_id_live",
            "parent_job_id",
            postgresql_where=text("parent_job_id is not null and finished_at is null"),
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
            text("created_at DESC"),
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
    """`deterministic`, `agentic`, or `kernel`: that of a notebook."""
    prompt: str | None = None
    """What the agent of an inline prompt is told in the place of a skill's own prompt."""
    model: str | None = Field(default=None, max_length=200)
    """The language model that was asked for, in the place of the skill's."""
    parent_job_id: UUID | None = None
    replay_of: UUID | None = None
    approval: str = Field(default="none", max_length=8, sa_column_kwargs={"server_default": "none"})
    """`needed`: it starts only once a user has approved that; `given`: the call that started it was approved."""
    started_by_agent: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """An agent outside of this instance has submitted it, or the job or suite that it is made of, or its caller."""
    status: str = "queued"
    """Written by `jobs.transitions` alone."""
    inputs: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """Kept as text, as is the result: `jsonb` would forget the order in which its author named things."""
    result: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    outputs: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    """Files of the result: `{name, drive_path, size_bytes, mime}`."""
    error: str | None = None
    error_code: str | None = Field(default=None, max_length=64)
    attempt: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """How many times it was claimed; the number is the fencing token."""
    losses: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """How often the process that ran it was lost."""
    losses_alone: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Those of them in which nothing else ran there: only they count against the job."""
    retries: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Tries after the first that its own retry rule has given it."""
    worker_id: UUID | None = None
    lane: str = Field(default="default", max_length=64)
    priority: int = 0
    source: str = Field(default="api", max_length=64)
    """Where it came from: `api`, `studio`, `cli`, `replay`…"""
    job_metadata: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'"))
    )
    limits: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    """The job's own narrower limits: `{timeout_s, cost_usd, memory_mb, output_mb}`."""
    usage: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    steps: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    cost_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    cap_micros: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """The most that it may cost; reserved when it is claimed."""
    used_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The bill of everything that its attempts have used so far; what of it is charged is decided when it ends."""
    forgiven_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """Of that, what its caller was forgiven because it failed or was cancelled."""
    called_used_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The bills of the jobs that it has called and that have ended, theirs included: it pays them with its own."""
    called_cost_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """Of them, what was charged, once it has ended; `cost_micros` is without it."""
    called_forgiven_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    over_lent_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """Of what a called job and those that it called have used, what was more than it was lent: its caller does not owe
    it."""
    bill: str = Field(default="own", max_length=8, sa_column_kwargs={"server_default": "own"})
    """Who pays: `own`, it does; `owed`, the job that called it will, when that ends; `folded`, that has."""
    forgivable_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("1000000"))
    )
    """What its project is forgiven on the day on which it ends: the instance's word when it was submitted."""
    reserved_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    listing_id: UUID | None = None
    """What it runs, when that was named as a listing of the marketplace; what it calls has the same."""
    listing: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    """The slug of that."""
    listing_version: int | None = None
    publisher_id: UUID | None = None
    """The project whose code it runs, and whose secrets, when that is another one than its own."""
    price_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """Of its listing, as it was when the job was submitted: a line of its bill if it succeeds, and part of its cap."""
    earning_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """What of the price the publisher gets."""
    event_seq: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Number of its newest event."""
    cancel_requested_at: datetime | None = Field(default=None, sa_type=Timestamp)
    eval_score: int | None = None
    """0 to 100, from the skill's graders."""
    eval_results: dict[str, Any] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True)
    )
    """What each grader said: `{score, passed, graders}`."""
    input_versions: dict[str, str] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True)
    )
    """Of files that the inputs name and whose submitter may read no others of the drive: the version that was checked.
    An attempt fails instead of reading another one."""
    submitted_by: str = Field(default="", max_length=200)
    """Who submitted it, as `Principal.label` says it."""
    api_key_id: UUID | None = None
    request_id: str = Field(default="", max_length=64, sa_column_kwargs={"server_default": ""})
    """Of the request that submitted it: the logs of all processes carry it."""
    traceparent: str = Field(default="", max_length=55, sa_column_kwargs={"server_default": ""})
    """The span that submitted it, in W3C's form, while traces are on: the spans of its attempts descend from it."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """When the running attempt began."""
    finished_at: datetime | None = Field(default=None, sa_type=Timestamp)

    @classmethod
    def restrict(cls, query: Select[Any], principal: Principal) -> Select[Any]:
        """Return the query without the jobs that the principal may not know of.

        A publishable or restricted key sees only the jobs that it submitted itself, unless it has the scope
        `jobs:read`; a job sees only its own row and its children.
        """
        if principal.sees_own_jobs_only:
            return query.where(col(cls.api_key_id) == principal.id)
        if principal.kind == "job":
            return query.where((col(cls.id) == principal.id) | (col(cls.parent_job_id) == principal.id))
        return query


class QueuedJob(SQLModel, table=True):
    """A queued job's place. Small on purpose: the cost of a claim does not depend on how many jobs exist."""

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
    """Start-time-fair virtual time; none while it is parked outside its project's admission window."""
    suspect: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """Two worker processes died under it: it runs alone from now on."""
    held_by: UUID | None = None
    """The worker process that is emptying itself to run this suspect."""
    not_before: datetime | None = Field(default=None, sa_type=Timestamp)
    """Not admitted before this moment (`run_at`, back-off)."""
    is_later: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """That moment has not come yet, or no sweep has looked since: it is in no index that admission reads."""
    cap_micros: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """The most that the job may cost, which its wallet must be able to hold before it is admitted."""
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
    """Most jobs of the project that are ready or running at once."""
    weight: int = 1
    lanes: list[str] = Field(
        default_factory=list, sa_column=Column(ARRAY(TEXT), nullable=False, server_default=text("'{}'"))
    )
    """Lanes that it may use beside `default`."""
    admitted: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Its jobs that are ready or running now."""
    parked: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """Its jobs that wait outside of the window; counted here, since every submit looks whether there is a place."""
    tail: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0")))
    """Virtual time at which its next job starts at the earliest."""


class Feedback(SQLModel, table=True):
    """What somebody thought of a job's result; one row per job and end user."""

    __tablename__: ClassVar[str] = "feedback"
    __table_args__ = (
        UniqueConstraint("job_id", "given_by"),
        CheckConstraint("rating between -1 and 1", name="rating"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE")
    given_by: str = Field(max_length=300)
    """`end_user:<end_user_id>` when the caller names one, else the principal's label, which no app can give."""
    rating: int
    comment: str = Field(default="", max_length=4000)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
