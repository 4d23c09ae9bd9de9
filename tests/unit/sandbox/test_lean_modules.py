"""What a zygote uses instead of `typing`, `contextlib` and `json` works as they do."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.sandbox.guest import json_text, lean
from workers.sandbox.isolation.paths import BASE_PYTHON, RUNTIME

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
LOADED = """
import sys
sys.path.insert(0, sys.argv[1])
from guest import first_process
first = set(sys.modules)
from guest import zygote
print(*(first if sys.argv[2] == "first" else sys.modules))
"""
LARGE = {
    "asyncio",
    "collections",
    "contextlib",
    "dataclasses",
    "enum",
    "json",
    "re",
    "socket",
    "threading",
    "typing",
}


class _Point(lean.NamedTuple):
    x: int
    y: int = 2

    @property
    def sum(self) -> int:
        return self.x + self.y


def test_named_tuple_works_as_that_of_typing() -> None:
    point = _Point(1)
    assert point == (1, 2) == _Point(y=2, x=1)
    assert (point.x, point.y, point.sum) == (1, 2, 3)
    assert point._replace(y=5) == (1, 5)
    assert _Point(**point._asdict()) == point
    assert point._asdict() == {"x": 1, "y": 2}
    assert not hasattr(point, "__dict__")


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1, 2, 3), {}), ((1,), {"z": 3}), ((1,), {"x": 2}), ((), {"y": 1})]
)
def test_named_tuple_rejects_other_fields(values: tuple[int, ...], named: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        _Point(*values, **named)


def test_only_the_named_errors_are_suppressed() -> None:
    with lean.suppress(KeyError, OSError):
        raise FileNotFoundError
    with pytest.raises(ValueError, match="another"), lean.suppress(KeyError):
        raise ValueError("another")


@given(JSON)
def test_values_are_written_and_read_as_json_does(value: Any) -> None:
    compact = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    assert json_text.write(value) == compact
    assert json_text.write_ascii(value) == json.dumps(value, separators=(",", ":"))
    assert json_text.read(compact) == (json.loads(compact), len(compact))


def test_text_that_is_not_unicode_is_escaped() -> None:
    assert json_text.write_ascii({"path": "\udcff"}).encode() == b'{"path":"\\udcff"}'


@pytest.mark.parametrize("text", ["", "{", "nul", "[1,]", '"\x01"', "[" * 100_000])
def test_text_that_is_not_json_is_rejected(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        json_text.read(text)


@pytest.mark.parametrize("value", [math.nan, math.inf, {1, 2}, object()])
def test_value_that_is_not_json_is_rejected(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        json_text.write([value])


def test_functions_of_other_versions_are_replaced_by_public_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "_json", None)
    functions = json_text._functions()
    assert functions.read("[1]") == ([1], 3)
    assert functions.write({"a": "é"}) == '{"a":"é"}'
    assert functions.write_ascii({"a": "é"}) == '{"a":"\\u00e9"}'


@pytest.mark.parametrize(("part", "refused"), [("first", {*LARGE, "ctypes.util"}), ("zygote", LARGE)])
def test_process_loads_no_large_module(part: str, refused: set[str]) -> None:
    program = [str(BASE_PYTHON), "-I", "-S", "-c", LOADED, str(RUNTIME.parent), part]
    loaded = subprocess.run(program, capture_output=True, text=True, check=True).stdout.split()
    assert "os" in loaded
    assert ("guest.zygote" in loaded) == (part == "zygote")
    assert refused.isdisjoint(loaded)
