"""Requests and responses of the routes of budgets."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody
from backend.identity.environments import Environment
from backend.money.budgets.usage import resets_at

Scope = Literal["project", "environment", "skillpack", "skill", "key"]
Window = Literal["day", "month", "rolling30", "total"]
MAX_USD = 1_000_000_000


class BudgetCreate(RequestBody):
    """A new budget."""

    name: str = Field(min_length=1, max_length=100)
    """The name of the budget. Errors of rejected jobs contain it."""
    scope: Scope = "project"
    """Which jobs the budget counts."""
    skillpack: str | None = Field(default=None, max_length=200)
    """For the scopes `skillpack` and `skill`: ID or slug. Default: the default skillpack, or the one with the skill."""
    skill: str | None = Field(default=None, max_length=200)
    """For the scope `skill`: its name."""
    api_key_id: UUID | None = None
    """For the scope `key`: its ID."""
    environment: Environment | None = None
    """For the scope `environment`: its name."""
    window: Window
    """`day` and `month` start at midnight UTC; `rolling30` is today and the 29 days before; `total` never resets."""
    limit_usd: float = Field(ge=0.000001, le=MAX_USD)
    alert_pct: int | None = Field(default=80, ge=1, le=100)
    """The percentage of the limit at which an alert is sent, once per window; null: no alert."""
    enforce: bool = True
    """True: reject jobs when the budget is used up; false: only alert."""


class BudgetUpdate(RequestBody):
    """Changes to a budget. Its scope cannot change."""

    name: str | None = Field(default=None, min_length=1, max_length=100)
    window: Window | None = None
    limit_usd: float | None = Field(default=None, ge=0.000001, le=MAX_USD)
    alert_pct: int | None = Field(default=None, ge=1, le=100)
    """Null: no alert."""
    enforce: bool | None = None


class BudgetRead(Schema):
    """A budget with its usage."""

    id: UUID
    name: str
    scope: Scope
    skillpack_id: UUID | None
    skill: str | None
    api_key_id: UUID | None
    environment: Environment | None = None
    window: Window
    limit_micros: int
    limit_usd: float
    alert_pct: int | None
    enforce: bool
    spent_micros: int
    """Spent in the current window."""
    reserved_micros: int
    """Held by unfinished jobs."""
    forgiven_micros: int
    """Used by failed and canceled jobs and not charged."""
    used_micros: int
    """The sum of the three, which is compared with the limit."""
    used_usd: float
    is_reached: bool
    since: date | None
    """First day of the window (UTC); null for `total`."""
    resets_at: datetime | None
    """When the window ends; for `rolling30`, when today is no longer part of it. Null for `total`."""
    alerted_on: date | None
    """Day of the last alert."""
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, row: Any) -> Self:
        """Return the response for a row with the usage of a budget."""
        own = ("id", "name", "scope", "skillpack_id", "api_key_id", "environment")
        limits = ("limit_micros", "alert_pct", "enforce")
        counted = ("spent_micros", "reserved_micros", "forgiven_micros", "used_micros", "alerted_on")
        values = {name: getattr(row, name) for name in (*own, *limits, *counted, "created_by", "created_at")}
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
