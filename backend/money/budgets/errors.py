"""Errors of budgets."""

from __future__ import annotations

from dataclasses import KW_ONLY
from datetime import datetime
from uuid import UUID

from backend.core.errors import Conflict, Missing, PaymentRequired
from backend.money.pricing import dollars


class BudgetReached(PaymentRequired):
    """A budget of the project allows no more jobs in this period."""

    code = "budget_reached"
    budget: str
    _: KW_ONLY
    limit_micros: int
    used_micros: int
    resets_at: datetime | None

    def describe(self) -> str:
        """Return the message."""
        return (
            f"The budget {self.budget!r} allows {dollars(self.limit_micros)}, and {dollars(self.used_micros)} of it "
            f"are spent, reserved for unfinished jobs or forgiven. {_reset(self.resets_at)}; an admin of the project "
            "can raise it."
        )


class BudgetUsedUp(PaymentRequired):
    """Other jobs used up the budget of the job before it started."""

    code = "budget_reached"
    budget: str
    _: KW_ONLY
    limit_micros: int
    used_micros: int
    resets_at: datetime | None

    def describe(self) -> str:
        """Return the message."""
        return (
            f"The budget {self.budget!r} allows {dollars(self.limit_micros)}. {dollars(self.used_micros)} of it were "
            "spent, reserved for unfinished jobs or forgiven when this job was due to start, so it did not start. "
            f"{_reset(self.resets_at)}; raise the budget or wait, then submit the job again."
        )


def _reset(at: datetime | None) -> str:
    return "It does not reset" if at is None else f"It resets at {at:%Y-%m-%d %H:%M} UTC"


class BudgetNotFound(Missing):
    """The project has no such budget."""

    code = "budget_not_found"
    message = "No budget {budget_id!r} in this project. GET /v1/budgets lists all of them."
    budget_id: UUID


class BudgetNameTaken(Conflict):
    """Another budget of the project has this name."""

    code = "budget_name_taken"
    message = "The project already has a budget {name!r}. Choose another name, or change that budget."
    name: str


class TooManyBudgets(Conflict):
    """The project has the maximum number of budgets."""

    code = "too_many_budgets"
    message = "This project has {limit} budgets, the maximum. Delete one that is not needed."
    limit: int
