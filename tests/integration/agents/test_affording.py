"""What a run can afford is known from what the model counted, not guessed again at every step."""

from __future__ import annotations

import pytest

from backend.providers import catalogue
from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import MODEL, Agents, Counter
from workers.models import Measured, Prompt
from workers.models.pricing import most_prompt_tokens

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = "word " * 1_000
DONE = {"summary": "Owls fly at night.", "score": 3}


async def test_a_long_conversation_is_not_stopped_by_a_guess_at_its_length(agents: Agents) -> None:
    agents.tools = [Counter()]
    look = says(WORDS, calls("look", at="a tree"), input_tokens=1_500, output_tokens=1_000)
    agents.upstream.script = [
        look,
        look,
        says(calls("set_output", **DONE), input_tokens=4_000, output_tokens=10),
    ]
    job = await agents.run(limits={"cost_usd": 0.03})
    assert (job["status"], job["result"]) == ("succeeded", DONE)
    entry, left_micros = catalogue.current().get(MODEL), 30_000 - 2 * 7_800
    messages = agents.upstream.bodies[-1]["messages"]
    guessed = most_prompt_tokens(entry, Prompt("", messages, [], 256))
    known = most_prompt_tokens(entry, Prompt("", messages, [], 256, measured=Measured(4, 2_500)))
    micros_per_token = entry.rates(guessed).cache_write_5m * 1.2 / 1e9
    assert known * micros_per_token < left_micros < guessed * micros_per_token
