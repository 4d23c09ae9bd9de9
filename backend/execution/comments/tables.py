"""Tables of comments on jobs, and of the e-mail about them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp


class JobComment(SQLModel, table=True):
    """A comment on a job. Deleting it deletes the row."""

    __tablename__: ClassVar[str] = "job_comments"
    __table_args__ = (
        Index("ix_job_comments_job_id_created_at", "job_id", "created_at", "id"),
        Index("ix_job_comments_project_id", "project_id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    job_id: UUID = Field(foreign_key="jobs.id", ondelete="CASCADE")
    step: str = Field(default="", max_length=200)
    """The step of the job that it is about; empty: the whole job."""
    body: str = Field(max_length=20_000)
    """Markdown."""
    mentions: list[str] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    """The e-mail addresses of the members that it mentions."""
    created_by: str = Field(max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    edited_at: datetime | None = Field(default=None, sa_type=Timestamp)


class MentionEmail(SQLModel, table=True):
    """An e-mail to a member whom a comment mentions. Its row is deleted when it was sent, or cannot be sent."""

    __tablename__: ClassVar[str] = "mention_emails"
    __table_args__ = (
        UniqueConstraint("comment_id", "user_id"),
        Index("ix_mention_emails_next_at", "next_at"),
        Index("ix_mention_emails_project_id", "project_id"),
        Index("ix_mention_emails_user_id", "user_id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    comment_id: UUID = Field(foreign_key="job_comments.id", ondelete="CASCADE")
    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    attempts: int = 0
    next_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """The time of the next attempt."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
