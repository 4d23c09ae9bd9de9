"""What a body may hold, and how lists are paged."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.core.db.paging import Page, cursor_of
from backend.core.jsonb import TOO_DEEP, flattened
from backend.core.schemas import RequestBody, unstorable


class Inputs(RequestBody):
    inputs: dict[str, Any]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"a": "x\x00"}, "a contains a NUL"),
        ({"a": [1, {"b": "\ud800"}]}, "a[1].b contains a lone surrogate"),
        ({"a\x00": 1}, "The body contains a NUL"),
        ({"a": {"b\udfff": 1}}, "a contains a lone surrogate"),
        ({"a": float("nan")}, "a contains a number that JSON does not have"),
        ([float("-inf")], "[0] contains a number that JSON does not have"),
    ],
)
def test_what_cannot_be_stored_is_found_with_its_place(body: Any, place: str) -> None:
    assert (unstorable(body) or "").startswith(place)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_text_that_utf8_holds_passes_unless_it_has_a_nul(body: Any) -> None:
    assert (unstorable(body) is None) == ("\\u0000" not in ascii_json(body))


def ascii_json(body: Any) -> str:
    import json

    return json.dumps(body).replace("\\\\", "")


def test_a_deep_body_is_walked_without_running_out_of_stack() -> None:
    assert (unstorable(nested(50_000)) or "").endswith("… contains values more than 64 levels deep")


def test_a_body_has_so_many_levels_and_no_more() -> None:
    assert unstorable(nested(64)) is None
    assert unstorable({"a": nested(64)}) is not None


def test_a_value_of_a_stranger_is_flattened_where_it_is_too_deep_and_stays_as_it_is_elsewhere() -> None:
    deep: dict[str, Any] = {"a": nested(50_000), "b": [1, {"c": None}], "d": nested(62)}
    flat = flattened(deep)
    assert unstorable(flat) is None
    assert (flat["b"], flat["d"]) == (deep["b"], deep["d"])
    assert TOO_DEEP in repr(flat["a"])
    assert flattened(flat) is flat


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_a_request_with_such_text_or_an_unknown_field_is_refused() -> None:
    for body in ({"inputs": {"a": "\x00"}}, {"inputs": {}, "imputs": {}}):
        with pytest.raises(ValidationError):
            Inputs.model_validate(body)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_tells_back_where_the_page_ended(at: datetime, row_id: Any) -> None:
    assert Page(cursor=cursor_of(at, row_id)).time_position() == (at, row_id)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_cursor_of_numbers_tells_back_its_number(number: int) -> None:
    assert Page(cursor=cursor_of(number)).number() == number


def test_a_page_knows_whether_another_follows() -> None:
    rows = [uuid4() for _ in range(3)]
    full = Page(limit=2).slice(rows, lambda row: (row,))
    assert (list(full.items), full.next_cursor) == (rows[:2], cursor_of(rows[1]))
    assert Page(limit=3).slice(rows, lambda row: (row,)).next_cursor is None
