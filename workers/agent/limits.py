"""Check the limits of a run before something is spent."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from workers.agent.cost_cap import JOB_LIMIT, CostCap
from workers.agent.stop_reasons import CostCapped, OutOfSteps, OutOfTokens
from workers.llm.types import Model, Prompt

MAX_OUTPUT_TOKENS: Final = 16_384
LEAST_OUTPUT_TOKENS: Final = 256
"""A call with fewer output tokens is not worth its prompt."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one run for all its attempts together."""

    steps: int
    timeout_s: float
    tokens: int | None
    cap_micros: int
    """The reservation of the job, which limits its cost."""
    cost_cap: CostCap = JOB_LIMIT
    """The limit that determined the reservation."""


class Budget:
    """The limits of a run, and how much of them is used."""

    def __init__(self, limits: Limits, *, earlier_s: float) -> None:
        """Start the clock; `earlier_s` is how long earlier attempts have run."""
        self.limits = limits
        self._earlier_s = earlier_s
        self._started = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Return how long the run has lasted, without pauses between attempts."""
        return self._earlier_s + time.monotonic() - self._started

    @property
    def remaining_s(self) -> float:
        """Return how long it may still run."""
        return max(0.0, self.limits.timeout_s - self.elapsed_s)

    def check(self, step: int, *, tokens: int) -> None:
        """Reject a step beyond a limit.

        Raises:
            OutOfSteps: the maximum number of steps was reached.
            OutOfTokens: the maximum number of tokens was used.
        """
        if step > self.limits.steps:
            raise OutOfSteps(self.limits.steps)
        if self.limits.tokens is not None and tokens >= self.limits.tokens:
            raise OutOfTokens(tokens, self.limits.tokens)

    def affordable_tokens(self, model: Model, prompt: Prompt, *, step: int, spent_micros: int) -> int:
        """Return the maximum tokens of a reply whose worst-case cost is within the remaining reservation.

        Raises:
            CostCapped: not even a short reply is affordable.
        """
        remaining = self.limits.cap_micros - spent_micros

        def worst(tokens: int) -> int:
            return model.worst_case_micros(prompt, tokens)

        highest = worst(prompt.max_tokens)
        if highest <= max(0, remaining):
            return prompt.max_tokens
        least = min(LEAST_OUTPUT_TOKENS, prompt.max_tokens)
        needed = worst(least)
        if needed > remaining:
            raise CostCapped(step, spent_micros, self.limits.cap_micros, needed, cap=self.limits.cost_cap)
        guess = least + (prompt.max_tokens - least) * (remaining - needed) // max(1, highest - needed)
        return _lowered(guess, least, lambda tokens: worst(tokens) <= remaining)


def _lowered(guess: int, least: int, fits: Callable[[int], bool]) -> int:
    """Return the guess, lowered until it fits; `least` is known to fit."""
    while guess > least and not fits(guess):
        guess = max(least, guess - max(1, guess // 32))
    return guess
