"""The table of the settings of users."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint
from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

THEMES = ("system", "light", "dark")


class UserPreferences(SQLModel, table=True):
    """The settings of a user. A user without a row has the defaults."""

    __tablename__: ClassVar[str] = "user_preferences"
    __table_args__ = (CheckConstraint(f"theme in {THEMES}", name="theme"),)

    user_id: UUID = Field(foreign_key="users.id", ondelete="CASCADE", primary_key=True)
    theme: str | None = Field(default=None, max_length=8)
    """None: not chosen, so each browser has its own."""
    time_zone: str = Field(default="", max_length=64)
    """A name of the IANA database; empty: the time zone of the browser."""
    email_alerts: bool = True
    email_approvals: bool = True
    email_mentions: bool = True
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
