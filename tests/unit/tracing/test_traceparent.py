"""The `traceparent` header in the W3C format, and rejected values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.tracing import traceparent

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def test_valid_header_is_parsed() -> None:
    assert traceparent.checked(GOOD) == GOOD
    assert traceparent.trace_id_of(GOOD) == TRACE


def test_fields_of_later_versions_are_ignored() -> None:
    assert traceparent.checked(f"cc-{TRACE}-{SPAN}-01-what-comes-later") == f"cc-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0x",
        f" {GOOD}",
        f"{GOOD}\n",
        GOOD.replace("4", "٤"),
    ],
)
def test_invalid_header_is_ignored(line: str) -> None:
    assert traceparent.checked(line) == ""


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_generated_header_can_be_parsed(trace_id: int, span_id: int, is_sampled: bool) -> None:
    line = traceparent.build(trace_id, span_id, is_sampled=is_sampled)
    assert traceparent.checked(line) == line
    assert int(traceparent.trace_id_of(line), 16) == trace_id


@given(st.text(max_size=80))
def test_any_text_is_parsed_without_an_error(text: str) -> None:
    assert len(traceparent.checked(text)) in (0, 55)
