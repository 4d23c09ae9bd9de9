"""Compare JSON values, and find a value by its path."""

from __future__ import annotations

import re
from typing import Any, Final

_PARTS: Final = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


class NoSuchPathError(Exception):
    """The value has nothing at that path."""


def value_at(value: Any, path: str) -> Any:
    """Return the value at a path like `items[0].name` or `items.0.name`.

    Raises:
        NoSuchPathError: The value has nothing at that path.
    """
    for number, name in _PARTS.findall(path):
        key = number or name
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise NoSuchPathError(path)
    return value


def equal(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal.

    The order of keys has no effect, `true` differs from 1, and 1 equals 1.0.
    """
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    return bool(one == other)
