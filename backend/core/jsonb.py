"""JSON that PostgreSQL can store: `jsonb` accepts neither NUL nor half of a surrogate pair, which programs do print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final

MAX_DEPTH: Final = 64
"""Maximum nesting of a stored value. Serialization of responses fails at some hundred levels, also in lists."""
TOO_DEEP: Final = "…"
REPLACEMENT = "\\ufffd"

_encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
"""Created once: `json.dumps` creates an encoder for each call with other than the default options."""

# Matches an escape that is not escaped itself: with an even number of backslashes before it.
_UNSTORABLE = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u(?:0000|d[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2}\\u)d[c-f][0-9a-f]{2})"
)


def storable(value: Any) -> str:
    """Return the value as JSON text; characters that cannot be stored become U+FFFD.

    Raises:
        ValueError: The value contains NaN or an infinity, which JSON does not have.
    """
    text = _encode(value)
    if "\\u0000" not in text and "\\ud" not in text:
        return text
    return _UNSTORABLE.sub(lambda found: found.group(1) + REPLACEMENT, text)


def flattened(value: Any) -> Any:
    """Return the value with each part that is nested too deeply replaced by `…`; the argument is not changed."""
    layer = [value]
    for _ in range(MAX_DEPTH):
        layer = [part for one in layer for part in _parts(one) if isinstance(part, (dict, list, tuple))]
        if not layer:
            return value
    return _cut(value, MAX_DEPTH)


def _parts(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()


def _cut(value: Any, levels: int) -> Any:
    if not isinstance(value, (dict, list, tuple)):
        return value
    if levels == 0:
        return TOO_DEEP
    if isinstance(value, dict):
        return {name: _cut(part, levels - 1) for name, part in value.items()}
    return [_cut(part, levels - 1) for part in value]
