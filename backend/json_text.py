"""JSON that PostgreSQL stores: its `jsonb` takes neither NUL nor half a surrogate pair, which programs do print."""

from __future__ import annotations

import json
import re
from typing import Any

REPLACEMENT = "\\ufffd"

# An escape that is itself not escaped: an even number of backslashes before it.
_UNSTORABLE = re.compile(
    r"(?<!\\)((?:\\\\)*)\\u(?:0000|d[89ab][0-9a-f]{2}(?!\\ud[c-f][0-9a-f]{2})|(?<!\\ud[89ab][0-9a-f]{2}\\u)d[c-f][0-9a-f]{2})"
)


def storable(value: Any) -> str:
    """The value as JSON text; characters that cannot be stored become U+FFFD.

    Raises:
        ValueError: the value holds NaN or an infinity, which JSON has not.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    if "\\u0000" not in text and "\\ud" not in text:
        return text
    return _UNSTORABLE.sub(lambda found: found.group(1) + REPLACEMENT, text)
