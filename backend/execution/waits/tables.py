"""Tables of waits of jobs, and of the events of projects that end them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, Select, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Column, Field, SQLModel, col

from backend.core.db.engine import Timestamp
from backend.identity.auth.principal import Principal
from backend.identity.environments import PRODUCTION, Environment, environment_column

KINDS = ("time", "event")


class ProjectEvent(SQLModel, table=True):
    """An event that a client or a job sent to its project."""

    __tablename__: ClassVar[str] = "project_events"
    __table_args__ = (
        UniqueConstraint("project_id", "id"),
        Index("ix_project_events_project_id_type_received_at", "project_id", "type", "received_at"),
        Index("ix_project_events_project_id_seq", "project_id", "seq"),
        Index("ix_project_events_received_at", "received_at"),
    )

    seq: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    """The order in which the events were received."""
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    id: str = Field(max_length=200)
    """The ID that the sender chose: a second event with it is not stored."""
    type: str = Field(max_length=200)
    data: Any = Field(default=None, sa_column=Column(JSONB, nullable=False))
    sent_by: str = Field(max_length=200)
    """The user, the API key or the job that sent the event."""
    environment: Environment = Field(default=PRODUCTION, sa_column=environment_column())
    """Only jobs of this environment receive it."""
    received_at: datetime = Field(sa_type=Timestamp)

    @classmethod
    def restrict(cls, query: Select[Any], principal: Principal) -> Select[Any]:
        """Return the query without the events of environments that a key of another one cannot see."""
        if principal.confined_to is None:
            return query
        return query.where(col(cls.environment) == principal.confined_to)


class JobWait(SQLModel, table=True):
    """What a job waits for. The row is deleted when the job has read the end of the wait, or has ended."""

    __tablename__: ClassVar[str] = "job_waits"
    __table_args__ = (
        CheckConstraint(f"kind in {KINDS}", name="kind"),
        CheckConstraint("(kind = 'event') = (event_type is not null)", name="event_type"),
        Index("ix_job_waits_due", "wake_at", postgresql_where=text("is_suspended and wake_at is not null")),
        Index(
            "ix_job_waits_open_events",
            "project_id",
            "event_type",
            postgresql_where=text("kind = 'event' and event_seq is null"),
        ),
        Index("ix_job_waits_event_seq", "event_seq", postgresql_where=text("event_seq is not null")),
    )

    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE", primary_key=True)
    key: str = Field(max_length=300, primary_key=True)
    """Names the wait in its job: the same in each attempt."""
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    name: str = Field(max_length=200)
    """The name of the step that waits, for users."""
    kind: str = Field(max_length=16)
    wake_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """The end of the sleep, or the time limit of the wait for an event; in the past once the event was received."""
    event_type: str | None = Field(default=None, max_length=200)
    match: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSONB, nullable=False, server_default=text("'{}'"))
    )
    """Values that the data of the event must have, by their paths."""
    skipped: list[int] = Field(
        default_factory=list, sa_column=Column(ARRAY(BigInteger), nullable=False, server_default=text("'{}'"))
    )
    """The `seq` of events that earlier waits of the same branch have received."""
    event_seq: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    """The event that ended the wait."""
    is_suspended: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    """The job has left its worker to wait for this."""
    created_at: datetime = Field(sa_type=Timestamp)
