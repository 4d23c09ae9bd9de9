"""Limit the work and the memory of one evaluation."""

from __future__ import annotations

from typing import Final

from backend.skills.flows.cel.syntax import ExpressionError

MAX_STEPS: Final = 200_000
"""Maximum steps of one evaluation: about 0.2 seconds."""
MAX_CREATED: Final = 4_000_000
"""Maximum characters and list elements that one evaluation creates."""


class EvaluationError(ExpressionError):
    """The expression has no value for these variables."""


class BudgetExceededError(EvaluationError):
    """The evaluation is too expensive. Unlike other errors, no operator absorbs it."""


class Budget:
    """What is left of the work and the memory of one evaluation."""

    def __init__(self, steps: int = MAX_STEPS, created: int = MAX_CREATED) -> None:
        self._steps = self.steps_left = steps
        self._created = self.created_left = created

    def spend(self, steps: int, at: int) -> None:
        """Count work.

        Raises:
            BudgetExceededError: nothing is left.
        """
        self.steps_left -= steps
        if self.steps_left < 0:
            raise BudgetExceededError(
                f"The expression takes more than {self._steps:,} steps. "
                "Let a step with a Python function compute the value.",
                at,
            )

    def create(self, size: int, at: int) -> None:
        """Count characters or elements before they are created.

        Raises:
            BudgetExceededError: nothing is left.
        """
        self.created_left -= size
        if self.created_left < 0:
            raise BudgetExceededError(
                f"The expression creates more than {self._created:,} characters and list elements. "
                "Let a step with a Python function compute the value.",
                at,
            )
        self.spend(size >> 6, at)
