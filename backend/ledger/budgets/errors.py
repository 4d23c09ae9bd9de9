"""What a caller is told about budgets.

PaymentRequired
├── BudgetReached    a job is submitted that one does not allow
└── BudgetUsedUp     a job begins for which one has nothing left
Missing
└── BudgetNotFound
Conflict
├── BudgetNameTaken
└── TooManyBudgets   the project has as many as it may
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from backend.errors import Conflict, Missing, PaymentRequired


class BudgetReached(PaymentRequired):
    """A budget of the project allows no more jobs in this window."""

    code = "budget_reached"

    def __init__(self, name: str, *, limit_micros: int, used_micros: int, resets_at: datetime | None) -> None:
        again = "It does not reset" if resets_at is None else f"It resets at {resets_at:%Y-%m-%d %H:%M} UTC"
        super().__init__(
            f"The budget {name!r} allows ${limit_micros / 1e6:,.2f}, and ${used_micros / 1e6:,.2f} of it are spent, "
            f"reserved for running jobs or forgiven. {again}; an admin of the project can raise it.",
            budget=name,
            limit_micros=limit_micros,
            used_micros=used_micros,
            resets_at=None if resets_at is None else resets_at.isoformat(),
        )


class BudgetUsedUp(PaymentRequired):
    """The job was let in, and others have used its budget up before it began."""

    code = "budget_reached"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The budget {name!r} had nothing left for this job when it was to begin, so it did not. Raise the budget, "
            "or submit the job again in its next window.",
            budget=name,
        )


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
