"""What a caller is told about budgets.

PaymentRequired
├── BudgetReached    a job is submitted that one does not allow
└── BudgetUsedUp     a job is due to start and one has nothing left for it
Missing
└── BudgetNotFound
Conflict
├── BudgetNameTaken
└── TooManyBudgets   the project has as many as it may
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from backend.core.errors import Conflict, Missing, PaymentRequired
from backend.money.pricing import dollars


class BudgetReached(PaymentRequired):
    """A budget of the project allows no more jobs in this window."""

    code = "budget_reached"

    def __init__(self, name: str, *, limit_micros: int, used_micros: int, resets_at: datetime | None) -> None:
        super().__init__(
            f"The budget {name!r} allows {dollars(limit_micros)}, and {dollars(used_micros)} of it are spent, "
            f"reserved for unfinished jobs or forgiven. {_reset(resets_at)}; an admin of the project can raise it.",
            budget=name,
            limit_micros=limit_micros,
            used_micros=used_micros,
            resets_at=None if resets_at is None else resets_at.isoformat(),
        )


class BudgetUsedUp(PaymentRequired):
    """The job was accepted, and other jobs have used its budget up before it started."""

    code = "budget_reached"

    def __init__(self, name: str, *, limit_micros: int, used_micros: int, resets_at: datetime | None) -> None:
        super().__init__(
            f"The budget {name!r} allows {dollars(limit_micros)}. {dollars(used_micros)} of it were spent, reserved "
            "for unfinished jobs or forgiven when this job was due to start, so it did not start. "
            f"{_reset(resets_at)}; raise the budget or wait, then submit the job again.",
            budget=name,
            limit_micros=limit_micros,
            used_micros=used_micros,
            resets_at=None if resets_at is None else resets_at.isoformat(),
        )


def _reset(at: datetime | None) -> str:
    return "It does not reset" if at is None else f"It resets at {at:%Y-%m-%d %H:%M} UTC"


class BudgetNotFound(Missing):
    """The project has no such budget."""

    code = "budget_not_found"

    def __init__(self, budget_id: UUID) -> None:
        super().__init__(
            f"No budget {str(budget_id)!r} in this project. GET /v1/budgets lists them.",
            budget_id=str(budget_id),
        )


class BudgetNameTaken(Conflict):
    """Another budget of the project has this name."""

    code = "budget_name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The project has a budget {name!r} already. Choose another name, or change that one.", name=name
        )


class TooManyBudgets(Conflict):
    """Every submit looks at the project's budgets, so their number is bounded."""

    code = "too_many_budgets"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"This project has {most} budgets, as many as one may have. Delete one that is not needed.",
            limit=most,
        )
