"""What the routes of budgets take and answer."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.core.schemas import Asked
from backend.money.budgets.usage import resets_at

Scope = Literal["project", "skillpack", "skill", "key"]
Window = Literal["day", "month", "rolling30", "total"]
MAX_USD = 1_000_000_000


class BudgetCreate(Asked):
    """A new budget."""

    name: str = Field(min_length=1, max_length=100)
    """What people call it; a job that it does not allow is told this name."""
    scope: Scope = "project"
    """Whose jobs it counts."""
    skillpack: str | None = Field(default=None, max_length=200)
    """Id or slug; for the scopes `skillpack` and `skill`. Default: the default one, or the one that has the skill."""
    skill: str | None = Field(default=None, max_length=200)
    """For the scope `skill`."""
    api_key_id: UUID | None = None
    """For the scope `key`."""
    window: Window
    """`day` and `month` begin at midnight UTC; `rolling30` is today and the 29 days before; `total` never resets."""
    limit_usd: float = Field(ge=0.000001, le=MAX_USD)
    alert_pct: int | None = Field(default=80, ge=1, le=100)
    """Percent of the limit from which on there is an alert, once per window; null: none."""
    enforce: bool = True
    """Refuse jobs once it is used up; false: only alert."""


class BudgetUpdate(Asked):
    """What is to change; whose jobs it counts stays."""

    name: str | None = Field(default=None, min_length=1, max_length=100)
    window: Window | None = None
    limit_usd: float | None = Field(default=None, ge=0.000001, le=MAX_USD)
    alert_pct: int | None = Field(default=None, ge=1, le=100)
    """Null: no alerts any more."""
    enforce: bool | None = None


class BudgetRead(BaseModel):
    """A budget and how it stands."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: UUID
    name: str
    scope: Scope
    skillpack_id: UUID | None
    skill: str | None
    api_key_id: UUID | None
    window: Window
    limit_micros: int
    limit_usd: float
    alert_pct: int | None
    enforce: bool
    spent_micros: int
    """In this window."""
    reserved_micros: int
    """Held for jobs that run now."""
    forgiven_micros: int
    """Used by failed and cancelled jobs, which did not pay it."""
    used_micros: int
    """The three together: what the limit is compared with."""
    used_usd: float
    is_reached: bool
    since: date | None
    """First day of the window (UTC); none for `total`."""
    resets_at: datetime | None
    """When the window ends; for `rolling30`, when what was spent on its first day has been let go of for certain."""
    alerted_on: date | None
    """Day of the last alert."""
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, row: Any) -> Self:
        """The answer for a budget's standing."""
        own = ("id", "name", "scope", "skillpack_id", "api_key_id", "limit_micros", "alert_pct", "enforce")
        counted = ("spent_micros", "reserved_micros", "forgiven_micros", "used_micros", "alerted_on")
        values = {name: getattr(row, name) for name in (*own, *counted, "created_by", "created_at")}
        return cls(
            **values,
            skill=row.skill_name,
            window=row.period,
            limit_usd=row.limit_micros / 1e6,
            used_usd=row.used_micros / 1e6,
            is_reached=row.used_micros >= row.limit_micros,
            since=None if row.period == "total" else row.since,
            resets_at=resets_at(row.period, row.since),
        )
