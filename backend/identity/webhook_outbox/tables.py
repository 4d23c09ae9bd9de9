"""Tables of webhooks and of what they are sent."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlmodel import Column, Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

STATUSES = ("pending", "delivered", "given_up")


class Webhook(SQLModel, table=True):
    """An address that is told of facts of its project."""

    __tablename__: ClassVar[str] = "webhooks"
    __table_args__ = (Index("ix_webhooks_project_id", "project_id", "created_at"),)

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    url: str = Field(max_length=2_000)
    description: str = Field(default="", max_length=500)
    events: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(TEXT), nullable=False))
    """Names of events; none: every one."""
    skills: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(TEXT), nullable=False))
    """Of events that concern a skill, those of these alone; none: every one."""
    enabled: bool = True
    disabled_reason: str = Field(default="", max_length=500)
    """Why the instance itself has switched it off."""
    failing_since: datetime | None = Field(default=None, sa_type=Timestamp)
    """The first failure since it last took something."""
    ciphertext: str
    """The secret that signs."""
    previous_ciphertext: str | None = None
    """The one before, which signs too while receivers change over."""
    previous_until: datetime | None = Field(default=None, sa_type=Timestamp)
    created_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)


class WebhookDelivery(SQLModel, table=True):
    """One fact for one webhook; its id is the `webhook-id` that the receiver sees, whatever happens on the way."""

    __tablename__: ClassVar[str] = "webhook_deliveries"
    __table_args__ = (
        CheckConstraint(f"status in {STATUSES}", name="status"),
        Index(
            "ix_webhook_deliveries_project_id_webhook_id_created_at",
            "project_id",
            "webhook_id",
            text("created_at DESC"),
            text("id DESC"),
        ),
        Index(
            "ix_webhook_deliveries_webhook_id_next_at_pending",
            "webhook_id",
            "next_at",
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "ix_webhook_deliveries_created_at_ended",
            "created_at",
            postgresql_where=text("status <> 'pending'"),
        ),
        Index("ix_webhook_deliveries_webhook_id", "webhook_id"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    webhook_id: UUID = Field(foreign_key="webhooks.id", ondelete="CASCADE")
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    event: str = Field(max_length=64)
    body: str
    """What is signed and sent, to the letter."""
    status: str = "pending"
    attempts: int = 0
    next_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """While it is pending: not before. Whoever takes it pushes this on, so that a lost sender is replaced."""
    retry_until: datetime = Field(sa_type=Timestamp)
    response_code: int | None = None
    response: str | None = Field(default=None, max_length=1_000)
    """How the last answer began."""
    error: str | None = Field(default=None, max_length=500)
    duration_ms: int | None = None
    attempt_log: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    """Every attempt with its result, the oldest first; the fields above are those of the last one."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    attempted_at: datetime | None = Field(default=None, sa_type=Timestamp)
    ended_at: datetime | None = Field(default=None, sa_type=Timestamp)
