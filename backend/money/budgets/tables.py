"""Table of budgets."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

SCOPES: Final = ("project", "skillpack", "skill", "key")
PERIODS: Final = ("day", "month", "rolling30", "total")


class Budget(SQLModel, table=True):
    """A limit to what jobs of a project, or of a part of it, may cost in a window of time."""

    __tablename__: ClassVar[str] = "budgets"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        CheckConstraint(f"scope in {SCOPES}", name="scope"),
        CheckConstraint(f"period in {PERIODS}", name="period"),
        CheckConstraint("limit_micros > 0", name="limit_micros"),
        CheckConstraint("alert_pct between 1 and 100", name="alert_pct"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    name: str = Field(max_length=100)
    scope: str = Field(max_length=16)
    skillpack_id: UUID | None = None
    """Of the scopes `skillpack` and `skill`."""
    skill_name: str | None = Field(default=None, max_length=200)
    """Of the scope `skill`."""
    api_key_id: UUID | None = None
    """Of the scope `key`."""
    period: str = Field(max_length=16)
    """What the API calls the window: that is a word of SQL's own."""
    limit_micros: int = Field(sa_type=BigInteger)
    alert_pct: int | None = None
    """From this part of the limit on there is an alert, once per window."""
    enforce: bool = True
    """False: it only alerts."""
    alerted_on: date | None = None
    """The day of the last alert; the next one comes in a later window."""
    created_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
