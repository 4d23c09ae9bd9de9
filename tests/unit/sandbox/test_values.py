"""Values that are JSON data, and the errors for other values."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import json
from pathlib import PurePosixPath
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.sandbox.guest import values

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@dataclasses.dataclass
class _Point:
    x: int


class _Colour(enum.Enum):
    RED = "red"


class _Level(enum.IntEnum):
    LOW = 1


class _Point2(NamedTuple):
    x: int
    y: int


class _Text(str):
    __slots__ = ()


@given(JSON)
def test_json_data_is_unchanged(value: Any) -> None:
    assert values.problem_of(value) is None
    raw = values.encode(value)
    assert b"\n" not in raw
    assert values.decode(raw) == json.loads(raw) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [{"b": _Point(1)}]}, "result.a[0].b is a"),
        (_Point(1), "dataclasses.asdict"),
        (_Colour.RED, ".value"),
        (PurePosixPath("x"), "`str(…)`"),
        (decimal.Decimal(1), "`float(…)` or `str(…)`"),
        (datetime.date(2026, 1, 31), ".isoformat()"),
        (frozenset(), "`sorted(…)`"),
        ((n for n in []), "`list(…)`"),
        (print, "return dicts, lists, text"),
        ({True: 1}, "key True of type bool"),
        ({"ok": {None: 1}}, "result.ok has the key None"),
        ({"\ud800": 1}, "a key of result"),
        (["\0"], "result[0] contains a NUL"),
        (-float("inf"), "result is -inf"),
    ],
)
def test_value_that_is_not_json_is_reported_with_location_and_fix(value: Any, expected: str) -> None:
    with pytest.raises(values.NotJson) as caught:
        values.encode(value)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "raw",
    [
        b"NaN",
        b"[1e999]",
        b"-Infinity",
        b'"\\u0000"',
        b'"\\ud800"',
        b"[" * 100_000,
        b"{" * 10,
        b"\xff",
        b"",
        b"1" * 5000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
    ],
)
def test_forged_value_that_cannot_be_stored_is_rejected(raw: bytes) -> None:
    with pytest.raises(values.NotJson):
        values.decode(raw)


@given(st.binary(max_size=300))
def test_decoder_accepts_any_bytes(raw: bytes) -> None:
    try:
        value = values.decode(raw)
    except values.NotJson:
        return
    assert values.problem_of(value) is None


def test_subclasses_of_json_types_are_accepted() -> None:
    value = {"a": collections.OrderedDict(b=_Text("x")), "c": _Point2(1, 2), "d": _Level.LOW}
    assert json.loads(values.encode(value)) == {"a": {"b": "x"}, "c": [1, 2], "d": 1}
