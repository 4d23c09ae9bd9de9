"""What a run may use, looked at in one place: before something is spent, never after."""

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
"""A call with less room than this is not worth its prompt."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use, all of its attempts together."""

    steps: int
    timeout_s: float
    tokens: int | None
    cap_micros: int
    """What is reserved for the job: nothing beyond it can be paid."""
    cost_cap: CostCap = JOB_LIMIT
    """Which limit decided that."""


class Budget:
    """The limits of a run, and how much of them is used."""

    def __init__(self, limits: Limits, *, earlier_s: float) -> None:
        """`earlier_s`: how long earlier attempts have run."""
        self.limits = limits
        self._earlier_s = earlier_s
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """How long the run has lasted, without the time that it waited between attempts."""
        return self._earlier_s + time.monotonic() - self._began

    @property
    def left_s(self) -> float:
        """How long it may go on."""
        return max(0.0, self.limits.timeout_s - self.elapsed_s)

    def check(self, step: int, *, tokens: int) -> None:
        """Refuse a step that is one too many.

        Raises:
            OutOfSteps: there were as many as there may be.
            OutOfTokens: so many tokens are used already.
        """
        if step > self.limits.steps:
            raise OutOfSteps(self.limits.steps)
        if self.limits.tokens is not None and tokens >= self.limits.tokens:
            raise OutOfTokens(tokens, self.limits.tokens)

    def affordable_tokens(self, model: Model, prompt: Prompt, *, step: int, spent_micros: int) -> int:
        """Most tokens of a reply for which its worst case still fits into what is left.

        Raises:
            CostCapped: not even a short reply fits.
        """
        left = self.limits.cap_micros - spent_micros

        def worst(tokens: int) -> int:
            return model.worst_case_micros(prompt, tokens)

        most = worst(prompt.max_tokens)
        if most <= max(0, left):
            return prompt.max_tokens
        least = min(LEAST_OUTPUT_TOKENS, prompt.max_tokens)
        needed = worst(least)
        if needed > left:
            raise CostCapped(step, spent_micros, self.limits.cap_micros, needed, cap=self.limits.cost_cap)
        guess = least + (prompt.max_tokens - least) * (left - needed) // max(1, most - needed)
        return _lowered(guess, least, lambda tokens: worst(tokens) <= left)


def _lowered(guess: int, least: int, fits: Callable[[int], bool]) -> int:
    """The guess, or so much less that it fits; `least` is known to."""
    while guess > least and not fits(guess):
        guess = max(least, guess - max(1, guess // 32))
    return guess
