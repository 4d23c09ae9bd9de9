"""Values that request bodies may contain, and pages of lists."""

from __future__ import annotations

import tracemalloc
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.core.db.paging import Page, cursor_of
from backend.core.errors import Invalid
from backend.core.http.exception_handlers import MAX_PROBLEMS, as_puras_error
from backend.core.jsonb import TOO_DEEP, flattened
from backend.core.schemas import ClosedSchema, RequestBody, unstorable
from backend.execution.jobs.schemas import JobCreate


class Inputs(RequestBody):
    inputs: dict[str, Any]


class Numbers(RequestBody):
    numbers: list[int]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"a": "x\x00"}, "a contains a NUL"),
        ({"a": [1, {"b": "\ud800"}]}, "a[1].b contains a lone surrogate"),
        ({"a\x00": 1}, "The body contains a NUL"),
        ({"a": {"b\udfff": 1}}, "a contains a lone surrogate"),
        ({"a": float("nan")}, "a contains a number that JSON does not have"),
        ([float("-inf")], "[0] contains a number that JSON does not have"),
    ],
)
def test_values_that_cannot_be_stored_are_found_with_their_path(body: Any, message: str) -> None:
    assert (unstorable(body) or "").startswith(message)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_utf8_text_without_nul_can_be_stored(body: Any) -> None:
    assert (unstorable(body) is None) == ("\\u0000" not in ascii_json(body))


def ascii_json(body: Any) -> str:
    import json

    return json.dumps(body).replace("\\\\", "")


def test_deep_body_is_checked_without_recursion_error() -> None:
    assert (unstorable(nested(50_000)) or "").endswith("… contains values more than 64 levels deep")


def test_body_has_a_maximum_depth() -> None:
    assert unstorable(nested(64)) is None
    assert unstorable({"a": nested(64)}) is not None


def test_long_name_with_many_values_takes_little_memory() -> None:
    body = {"a" * 20_000: [0] * 20_000}
    tracemalloc.start()
    try:
        assert unstorable(body) is None
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_response_contains_the_first_of_very_many_problems() -> None:
    with pytest.raises(ValidationError) as raised:
        Numbers.model_validate({"numbers": ["x"] * 1_200})
    locations = [{**one, "loc": ("body", *one["loc"])} for one in raised.value.errors()]
    found = as_puras_error(RequestValidationError(locations))
    assert isinstance(found, Invalid)
    assert len(found.problems) == MAX_PROBLEMS
    assert found.detail.startswith("numbers[0]: ")
    assert found.detail.endswith("(and 1,199 more)")


@pytest.mark.parametrize("schema", [Inputs, JobCreate])
def test_very_many_unknown_fields_are_one_problem(schema: type[ClosedSchema]) -> None:
    known = len(schema.model_fields)
    body = {f"x{number}": 1 for number in range(known + 101)}
    with pytest.raises(ValidationError) as raised:
        schema.model_validate(body)
    (problem,) = raised.value.errors()
    assert problem["msg"] == (
        f"{known + 101} fields were sent, of which at least 101 are unknown, such as 'x0'. Remove them"
    )
    with pytest.raises(ValidationError) as raised:
        schema.model_validate(dict.fromkeys(list(body)[:100], 1))
    assert sum(one["type"] == "extra_forbidden" for one in raised.value.errors()) == 100


def test_untrusted_value_is_flattened_only_where_it_is_too_deep() -> None:
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


def test_request_with_invalid_text_or_an_unknown_field_is_rejected() -> None:
    for body in ({"inputs": {"a": "\x00"}}, {"inputs": {}, "imputs": {}}):
        with pytest.raises(ValidationError):
            Inputs.model_validate(body)


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_cursor_contains_the_end_of_the_page(at: datetime, row_id: Any) -> None:
    assert Page(cursor=cursor_of(at, row_id)).time_position() == (at, row_id)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_cursor_of_numbers_contains_its_number(number: int) -> None:
    assert Page(cursor=cursor_of(number)).number() == number


def test_page_has_a_cursor_only_if_another_follows() -> None:
    rows = [uuid4() for _ in range(3)]
    full = Page(limit=2).slice(rows, lambda row: (row,))
    assert (list(full.items), full.next_cursor) == (rows[:2], cursor_of(rows[1]))
    assert Page(limit=3).slice(rows, lambda row: (row,)).next_cursor is None
