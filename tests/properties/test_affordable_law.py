"""No model call may cost more than the remaining budget of its job, for any prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as some

from workers.agent.limits import LEAST_OUTPUT_TOKENS, Budget, Limits
from workers.agent.stop_reasons import CostCapped
from workers.llm.types import Prompt


@dataclass(frozen=True)
class Priced:
    """A model with a price for the prompt and a price for a thousand tokens of the reply."""

    prompt_micros: int
    micros_per_thousand: int

    def worst_case_micros(self, prompt: Prompt, max_tokens: int) -> int:
        """Return the maximum cost of a call, rounded up as prices are."""
        return self.prompt_micros - (-max_tokens * self.micros_per_thousand // 1_000)


@given(
    prompt_micros=some.integers(0, 2_000_000),
    micros_per_thousand=some.integers(0, 200_000),
    cap=some.integers(0, 2_000_000),
    spent=some.integers(0, 3_000_000),
    max_tokens=some.integers(1, 128_000),
)
def test_no_call_costs_more_than_the_remaining_budget(
    prompt_micros: int, micros_per_thousand: int, cap: int, spent: int, max_tokens: int
) -> None:
    model: Any = Priced(prompt_micros, micros_per_thousand)
    budget = Budget(Limits(steps=1, timeout_s=1, tokens=None, cap_micros=cap), earlier_s=0)
    prompt = Prompt("", (), (), max_tokens)
    try:
        tokens = budget.affordable_tokens(model, prompt, step=1, spent_micros=spent)
    except CostCapped:
        least = min(LEAST_OUTPUT_TOKENS, max_tokens)
        assert model.worst_case_micros(prompt, least) > cap - spent
        return
    assert 0 < tokens <= max_tokens
    assert model.worst_case_micros(prompt, tokens) <= max(0, cap - spent)
