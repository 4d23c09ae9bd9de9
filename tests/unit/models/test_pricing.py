"""The price of a model call: exact, at least the upstream price, and at most the worst case stated before the call."""

from __future__ import annotations

import json
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm.pricing import Margin, max_prompt_tokens, upstream_nanos, worst_case_nanos
from workers.llm.types import Measured, Message, Prompt, Tokens, ToolSpec

ENTRIES = st.sampled_from(list(catalog.current().models.values()))
COUNTS = st.integers(min_value=0, max_value=400_000)
TOKENS = st.builds(Tokens, COUNTS, COUNTS, COUNTS, COUNTS)
SONNET = catalog.current().get("claude/sonnet-4-6")
HAIKU = catalog.current().get("claude/haiku-5-5")


def exact_nanos(entry: CatalogueEntry, tokens: Tokens, hour: int) -> Fraction:
    """Return the exact price from the decimals of the catalog, without rounding."""
    long = entry.long_price
    price = long if long and tokens.prompt > long.above_tokens else entry.price
    cache = entry.cache
    times = (cache.write_5m, cache.write_1h, cache.read) if cache else (1, 1, 1)
    cached = (tokens.cache_write - hour) * Fraction(times[0]) + hour * Fraction(times[1])
    prompt = tokens.input + cached + tokens.cache_read * Fraction(times[2])
    return (prompt * Fraction(price.input_usd) + tokens.output * Fraction(price.output_usd)) * 1_000


@given(entry=ENTRIES, tokens=TOKENS, hour=COUNTS, percent=st.integers(min_value=0, max_value=1_000))
def test_prices_are_exact_and_rounded_up_once(
    entry: CatalogueEntry, tokens: Tokens, hour: int, percent: int
) -> None:
    hour = min(hour, tokens.cache_write)
    exact = exact_nanos(entry, tokens, hour)
    nanos = upstream_nanos(entry, tokens, cache_write_1h=hour)
    assert 0 <= nanos - exact < 1
    billed = Margin(percent).billed_micros(nanos)
    assert 0 <= billed - nanos * Fraction(100 + percent, 100_000) < 1


def test_long_prompt_raises_price_of_all_tokens_of_its_call() -> None:
    assert upstream_nanos(HAIKU, Tokens(input=100_000, output=10)) == 100_000 * 100 + 10 * 500
    assert upstream_nanos(HAIKU, Tokens(input=99_999, cache_read=2)) == 99_999 * 500 + 2 * 50


def conversation(*texts: str) -> list[Message]:
    return [
        {"role": "assistant" if place % 2 else "user", "content": [{"type": "text", "text": text}]}
        for place, text in enumerate(texts)
    ]


@given(
    entry=ENTRIES,
    system=st.text(max_size=200),
    texts=st.lists(st.text(max_size=200), min_size=1, max_size=4),
    data=st.data(),
)
def test_no_call_costs_more_than_its_worst_case(
    entry: CatalogueEntry, system: str, texts: list[str], data: st.DataObject
) -> None:
    prompt = Prompt(system, conversation(*texts), [ToolSpec("t", "does", {"type": "object"})], 300, "1h")
    # A tokenizer never returns more tokens than its input has bytes.
    length = len(json.dumps([system, texts], ensure_ascii=False).encode("utf-8", "surrogatepass"))
    split = sorted(data.draw(st.integers(min_value=0, max_value=length)) for _ in range(2))
    tokens = Tokens(split[0], data.draw(st.integers(0, 300)), split[1] - split[0], length - split[1])
    assert upstream_nanos(entry, tokens, cache_ttl="1h") <= worst_case_nanos(entry, prompt, 300)


def test_measured_length_is_not_estimated_again() -> None:
    messages = conversation("x" * 100_000, "answer", "next")
    estimated = max_prompt_tokens(SONNET, Prompt("", messages, [], 10))
    measured = max_prompt_tokens(SONNET, Prompt("", messages, [], 10, measured=Measured(2, 25_000)))
    assert estimated > 100_000
    assert 25_000 < measured < 25_100


def test_image_counts_independently_of_its_bytes() -> None:
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "A" * 4_000_000},
    }
    inside = {"type": "tool_result", "tool_use_id": "t", "content": [image]}
    for block in (image, inside):
        assert max_prompt_tokens(SONNET, Prompt("", [{"role": "user", "content": [block]}], [], 10)) < 8_000


def test_prompt_tokens_are_limited_to_context_of_model() -> None:
    prompt = Prompt("x" * 5_000_000, conversation("x"), [], 10)
    assert max_prompt_tokens(SONNET, prompt) == SONNET.context_tokens


def test_own_key_of_project_is_billed_nothing() -> None:
    assert Margin(20, is_own_key=True).billed_micros(10**9) == 0
