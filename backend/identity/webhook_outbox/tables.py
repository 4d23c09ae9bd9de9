"""Tables of webhooks and their deliveries."""

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
    """A URL that receives events of its project."""

    __tablename__: ClassVar[str] = "webhooks"
    __table_args__ = (
        CheckConstraint("format in ('json', 'slack', 'email')", name="format"),
        Index("ix_webhooks_project_id", "project_id", "created_at"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    format: str = Field(default="json", max_length=8, sa_column_kwargs={"server_default": "json"})
    """What is sent: the signed event, a message for a chat, or an e-mail."""
    url: str = Field(max_length=2_000)
    """The URL of the receiver; `mailto:ADDRESS` for e-mail."""
    description: str = Field(default="", max_length=500)
    events: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(TEXT), nullable=False))
    """Names of events; empty: all events."""
    skills: list[str] = Field(default_factory=list, sa_column=Column(ARRAY(TEXT), nullable=False))
    """Skills whose events are delivered, of events about a skill; empty: all skills."""
    enabled: bool = True
    disabled_reason: str = Field(default="", max_length=500)
    """The reason why the instance has disabled it."""
    failing_since: datetime | None = Field(default=None, sa_type=Timestamp)
    """First failure since the last successful delivery."""
    ciphertext: str
    """The signing secret, encrypted."""
    previous_ciphertext: str | None = None
    """The previous secret, encrypted; it signs as well until receivers have switched to the new one."""
    previous_until: datetime | None = Field(default=None, sa_type=Timestamp)
    created_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)


class WebhookDelivery(SQLModel, table=True):
    """One event for one webhook; its ID is the `webhook-id` that the receiver gets, the same in all attempts."""

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
    """The exact text that is signed and sent."""
    status: str = "pending"
    attempts: int = 0
    next_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """Earliest time of the next attempt. A sender that claims the delivery postpones it, so that another one retries
    the delivery if the sender is lost."""
    retry_until: datetime = Field(sa_type=Timestamp)
    response_code: int | None = None
    response: str | None = Field(default=None, max_length=1_000)
    """Beginning of the last response."""
    error: str | None = Field(default=None, max_length=500)
    duration_ms: int | None = None
    attempt_log: list[dict[str, Any]] = Field(
        default_factory=list, sa_column=Column(JSONB, nullable=False, server_default=text("'[]'"))
    )
    """Every attempt with its result, the oldest first; the fields above are those of the last one."""
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    attempted_at: datetime | None = Field(default=None, sa_type=Timestamp)
    ended_at: datetime | None = Field(default=None, sa_type=Timestamp)
