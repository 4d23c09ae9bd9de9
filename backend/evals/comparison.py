"""Whether an output is the one that was expected."""

from __future__ import annotations

import re
from typing import Any, Final

_PARTS: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class NoSuchPlaceError(Exception):
    """The value has nothing at that place."""


def place_in(value: Any, path: str) -> Any:
    """What the value has at a path like `items[0].name` or `items.0.name`.

    Raises:
        NoSuchPlaceError: nothing.
    """
    for number, name in _PARTS.findall(path):
        key = number or name
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise NoSuchPlaceError(path)
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal, whatever the order of their keys; `true` is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
