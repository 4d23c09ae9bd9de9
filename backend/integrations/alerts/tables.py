"""The table of alert rules."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Final, Literal, get_args
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from backend.core.clock import now
from backend.core.db.engine import Timestamp

Metric = Literal["error_rate", "latency_p95", "spend", "queue_age", "new_errors"]
METRICS: Final[tuple[Metric, ...]] = get_args(Metric)
AlertState = Literal["ok", "raised"]


class AlertRule(SQLModel, table=True):
    """A condition over the jobs of a project, with its state."""

    __tablename__: ClassVar[str] = "alert_rules"
    __table_args__ = (
        CheckConstraint(f"metric in {METRICS}", name="metric"),
        CheckConstraint("state in ('ok', 'raised')", name="state"),
        Index("ix_alert_rules_project_id", "project_id", "created_at"),
        Index("ix_alert_rules_next_at", "next_at", postgresql_where=text("enabled")),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    project_id: UUID = Field(foreign_key="projects.id", ondelete="CASCADE")
    name: str = Field(max_length=200)
    metric: str = Field(max_length=16)
    skill: str | None = Field(default=None, max_length=200)
    """The skill whose jobs count; None: all skills."""
    environment: str | None = Field(default=None, max_length=16)
    """The environment whose jobs count; None: all environments."""
    threshold: float
    """Percent for `error_rate`, US dollars for `spend`, clusters for `new_errors`, seconds for the others."""
    window_minutes: int
    min_jobs: int
    """With fewer ended jobs in the window, `error_rate` and `latency_p95` have no value."""
    enabled: bool = True
    state: str = Field(default="ok", max_length=8)
    value: float | None = None
    """The last value, in the unit of the threshold."""
    jobs: int = 0
    """The jobs of the last value."""
    state_changed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    evaluated_at: datetime | None = Field(default=None, sa_type=Timestamp)
    next_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    """The time of the next evaluation."""
    created_by: str = Field(default="", max_length=200)
    created_at: datetime = Field(default_factory=now, sa_type=Timestamp)
    updated_at: datetime = Field(default_factory=now, sa_type=Timestamp)
