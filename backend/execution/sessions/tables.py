"""Tables of sessions and their turns."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Index, Select, UniqueConstraint, false, text
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlmodel import Column, Field, SQLModel, col

from backend.core.clock import now
from backend.core.db.engine import Timestamp
from backend.identity.auth.principal import Principal
from backend.identity.environments import PRODUCTION, Environment, environment_column

# Both expressions have the form in which PostgreSQL returns them, so that Alembic can compare them.
_OF_PROJECT: Final = "array_to_tsvector(ARRAY['project:'::text || project_id::text])"
"""With this word, a search reads only the entries of its project in an index."""
TITLE_WORDS: Final = f"({_OF_PROJECT} || to_tsvector('simple'::regconfig, title::text))"
"""SQL: the words of a session that a search finds, by an index."""
TURN_WORDS: Final = (
    f"({_OF_PROJECT} || to_tsvector('simple'::regconfig, (\"left\"(content::text, 50000) || ' '::text)"
    " || \"left\"(COALESCE(reply::jsonb::text, partial::text, ''::text), 50000)))"
)
"""SQL: the words of a message and its reply that a search finds. Both are limited, because a tsvector is."""


class AgentSession(SQLModel, table=True):
    """A conversation with an agent. The table `sessions` has the sign-ins of users."""

    __tablename__: ClassVar[str] = "agent_sessions"
    __table_args__ = (
        Index(
            "ix_agent_sessions_project_id_updated_at",
            "project_id",
            text("updated_at DESC"),
            text("id DESC"),
            postgresql_where=text("deleted_at is null"),
        ),
        Index("ix_agent_sessions_words", text(TITLE_WORDS), postgresql_using="gin"),
        Index("ix_agent_sessions_deleted_at", "deleted_at", postgresql_where=text("deleted_at is not null")),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    skillpack_id: UUID
    skill_name: str = Field(max_length=200)
    """Name of the agent in its skillpack."""
    version: int | None = None
    """The version that every turn runs; none: the version that is active when a message is sent."""
    deployment_id: UUID | None = None
    """The stored state of the draft that every turn runs instead; none for other sessions."""
    title: str = Field(default="", max_length=200)
    """Empty until the first message."""
    session_metadata: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column("metadata", JSONB, nullable=False, server_default=text("'{}'"))
    )
    end_user: str | None = Field(default=None, max_length=200)
    """The user of an application, from a signed token."""
    api_key_id: UUID | None = None
    """`Principal.session_owner_id` of the key that created it."""
    environment: Environment = Field(default=PRODUCTION, sa_column=environment_column())
    """The environment of all turns."""
    created_by: str = Field(default="", max_length=200)
    """`Principal.label` of the caller that created it."""
    message_count: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    """The number of messages that were sent, which is the number of the last turn."""
    cost_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    """The cost of the turns that have ended, also of those that retention has deleted."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """The time of the last message or reply."""
    deleted_at: datetime | None = Field(default=None, sa_type=Timestamp)
    """A deleted session is invisible, and removed with its jobs when these have ended."""

    @classmethod
    def restrict(cls, query: Select[Any], principal: Principal) -> Select[Any]:
        """Return the query without the sessions that the principal may not see.

        A key that sees its own jobs only sees its own sessions only, and those of the keys that it replaces. Of a
        publishable key, these are sessions of end users; the service compares the user. A running job sees none.
        """
        query = query.where(col(cls.deleted_at).is_(None))
        if principal.confined_to is not None:
            query = query.where(col(cls.environment) == principal.confined_to)
        if principal.kind == "job":
            return query.where(false())
        if principal.sees_own_jobs_only:
            query = query.where(col(cls.api_key_id) == principal.session_owner_id)
        if principal.kind == "publishable_key":
            query = query.where(col(cls.end_user).is_not(None))
        return query


class SessionTurn(SQLModel, table=True):
    """A message of the user, and the reply to it.

    The row has everything that later turns need, because retention may delete the job.
    """

    __tablename__: ClassVar[str] = "session_turns"
    __table_args__ = (
        UniqueConstraint("session_id", "number"),
        UniqueConstraint("job_id"),
        Index("ix_session_turns_project_id", "project_id"),
        Index("ix_session_turns_words", text(TURN_WORDS), postgresql_using="gin"),
        Index("ix_session_turns_open", "session_id", postgresql_where=text("ended_at is null")),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    """ID of the message."""
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    session_id: UUID = Field(foreign_key="agent_sessions.id", ondelete="CASCADE")
    number: int
    """From 1, in the order in which the turns run."""
    job_id: UUID
    content: str = ""
    """The text of the message, as the guardrails permit it."""
    inputs: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    """The inputs that this message has set, as the guardrails permit them."""
    message: str = ""
    """The part of the text that no input is for."""
    files: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    """The files of the message: `{"type", "value"}`."""
    version: int | None = None
    status: str | None = Field(default=None, max_length=16)
    """How the turn has ended: `succeeded`, `failed`, `cancelled`."""
    reply: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    """The result of the job."""
    partial: str | None = None
    """What the agent had written when the turn failed or was interrupted."""
    error: str | None = None
    error_code: str | None = Field(default=None, max_length=64)
    cost_micros: int = Field(
        default=0, sa_column=Column(BigInteger, nullable=False, server_default=text("0"))
    )
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    ended_at: datetime | None = Field(default=None, sa_type=Timestamp)
