"""Table of budgets."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

SCOPES: Final = ("project", "environment", "skillpack", "skill", "key")
PERIODS: Final = ("day", "month", "rolling30", "total")


class Budget(SQLModel, table=True):
    """A limit on what jobs of a project, or of a part of it, may cost in a period."""

    __tablename__: ClassVar[str] = "budgets"
    __table_args__ = (
        UniqueConstraint("project_id", "name"),
        CheckConstraint(f"scope in {SCOPES}", name="scope"),
        CheckConstraint("(scope = 'environment') = (environment is not null)", name="environment"),
        CheckConstraint(f"period in {PERIODS}", name="period"),
        CheckConstraint("limit_micros > 0", name="limit_micros"),
        CheckConstraint("alert_pct between 1 and 100", name="alert_pct"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    name: str = Field(max_length=100)
    scope: str = Field(max_length=16)
    skillpack_id: UUID | None = None
    """For the scopes `skillpack` and `skill`."""
    skill_name: str | None = Field(default=None, max_length=200)
    """For the scope `skill`."""
    api_key_id: UUID | None = None
    """For the scope `key`."""
    environment: str | None = Field(default=None, max_length=16)
    """For the scope `environment`."""
    period: str = Field(max_length=16)
    """The field `window` of the API; `window` is a keyword in SQL."""
    limit_micros: int = Field(sa_type=BigInteger)
    alert_pct: int | None = None
    """The percentage of the limit at which an alert is sent, once per window."""
    enforce: bool = True
    """False: the budget only sends alerts."""
    alerted_on: date | None = None
    """The day of the last alert; the next one is sent in a later window."""
    created_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
