"""The cost that a run can afford is derived from the tokens that the model counted, not estimated at each step."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anthropic import AsyncAnthropic

from backend.skills.model_catalog import catalog
from tests.doubles.messages import calls, says
from tests.integration.agents.conftest import MODEL, Agents, CountingTool, bundle
from workers.llm import token_counting
from workers.llm.pricing import max_prompt_tokens
from workers.llm.types import Measured, Prompt

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = "word " * 1_000
DONE = {"summary": "Owls fly at night.", "score": 3}


@pytest.fixture(autouse=True)
def trusted_token_counts() -> Iterator[None]:
    """Trust token counts again before and after each test, because tests of other models may have changed that."""
    token_counting.trust_all()
    yield
    token_counting.trust_all()


async def test_long_conversation_continues_on_its_measured_length(agents: Agents) -> None:
    agents.tools = [CountingTool()]
    look = says(WORDS, calls("look", at="a tree"), input_tokens=1_500, output_tokens=1_000)
    agents.upstream.script = [
        look,
        look,
        says(calls("set_output", **DONE), input_tokens=4_000, output_tokens=10),
    ]
    job = await agents.run(limits={"cost_usd": 0.03})
    assert (job["status"], job["result"]) == ("succeeded", DONE)
    entry, left_micros = catalog.current().get(MODEL), 30_000 - 2 * 7_800
    messages = agents.upstream.bodies[-1]["messages"]
    estimated = max_prompt_tokens(entry, Prompt("", messages, [], 256))
    measured = max_prompt_tokens(entry, Prompt("", messages, [], 256, measured=Measured(4, 2_500)))
    micros_per_token = entry.rates(estimated).cache_write_5m * 1.2 / 1e9
    assert measured * micros_per_token < left_micros < estimated * micros_per_token


async def test_small_cost_limit_uses_token_count_of_upstream(agents: Agents) -> None:
    """40,000 bytes cost $0.06 by their size in bytes, and $0.012 by the count of the upstream."""
    agents.counts_tokens = True
    await agents.project.pushed({**bundle(), "skills/sum/prompt.md": b"word " * 8_000})
    finishes = says(calls("set_output", **DONE), output_tokens=10)
    limits, upstream = {"cost_usd": 0.03}, agents.upstream
    upstream.script = lambda _: finishes
    job = await agents.run(limits=limits)
    assert (job["status"], upstream.counts) == ("succeeded", 1), job["error"]
    assert 10_000 < job["cost_micros"] < 30_000
    # Sufficient money needs no count. If the upstream does not count, the limit by bytes applies.
    assert ((await agents.run())["status"], upstream.counts) == ("succeeded", 1)
    upstream.count_by = None
    job = await agents.run(limits=limits)
    assert (job["error_code"], upstream.counts, upstream.asked) == ("cost_capped", 2, 2)
    # A job is never charged more than its limit after a count that was too low. The count is not used again.
    upstream.count_by = lambda _: 1_000
    job = await agents.run(limits={"cost_usd": 0.01})
    assert (job["status"], job["cost_micros"], job["used_micros"] > 10_000) == ("succeeded", 10_000, True)
    job = await agents.run(limits=limits)
    assert (job["error_code"], upstream.counts, upstream.asked) == ("cost_capped", 3, 3)


async def test_wrong_token_count_disables_counting_only_for_its_endpoint(agents: Agents) -> None:
    async with (
        AsyncAnthropic(api_key="k", base_url=agents.upstream.url) as accurate,
        AsyncAnthropic(api_key="k", base_url="http://127.0.0.1:9") as inaccurate,
    ):
        token_counting.check(inaccurate, MODEL, bounded=1, used=2)
        request = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
        assert await token_counting.bound(inaccurate, request, MODEL) is None
        assert await token_counting.bound(accurate, request, MODEL)
