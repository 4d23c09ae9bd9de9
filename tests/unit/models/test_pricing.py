"""What a call costs: exact, never less than upstream, never more than the worst case that was said before it."""

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
    """The same by the catalogue's own decimals, never rounded."""
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


def test_a_long_prompt_costs_more_for_every_token_of_its_call() -> None:
    assert upstream_nanos(HAIKU, Tokens(input=100_000, output=10)) == 100_000 * 100 + 10 * 500
    assert upstream_nanos(HAIKU, Tokens(input=99_999, cache_read=2)) == 99_999 * 500 + 2 * 50


def talk(*texts: str) -> list[Message]:
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
    prompt = Prompt(system, talk(*texts), [ToolSpec("t", "does", {"type": "object"})], 300, "1h")
    # No tokenizer makes more tokens than bytes of what it is given.
    length = len(json.dumps([system, texts], ensure_ascii=False).encode("utf-8", "surrogatepass"))
    split = sorted(data.draw(st.integers(min_value=0, max_value=length)) for _ in range(2))
    tokens = Tokens(split[0], data.draw(st.integers(0, 300)), split[1] - split[0], length - split[1])
    assert upstream_nanos(entry, tokens, cache_ttl="1h") <= worst_case_nanos(entry, prompt, 300)


def test_what_was_measured_is_not_guessed_again() -> None:
    received = talk("x" * 100_000, "answer", "next")
    guessed = max_prompt_tokens(SONNET, Prompt("", received, [], 10))
    known = max_prompt_tokens(SONNET, Prompt("", received, [], 10, measured=Measured(2, 25_000)))
    assert guessed > 100_000
    assert 25_000 < known < 25_100


def test_an_image_counts_as_one_however_many_bytes_it_has() -> None:
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": "A" * 4_000_000},
    }
    inside = {"type": "tool_result", "tool_use_id": "t", "content": [image]}
    for block in (image, inside):
        assert max_prompt_tokens(SONNET, Prompt("", [{"role": "user", "content": [block]}], [], 10)) < 8_000


def test_no_prompt_is_longer_than_the_model_takes() -> None:
    prompt = Prompt("x" * 5_000_000, talk("x"), [], 10)
    assert max_prompt_tokens(SONNET, prompt) == SONNET.context_tokens


def test_a_projects_own_key_is_billed_nothing() -> None:
    assert Margin(20, is_own_key=True).billed_micros(10**9) == 0
