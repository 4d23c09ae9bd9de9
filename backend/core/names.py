"""Validate names, and suggest the known name that is most similar to an unknown one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Final

NAME_PATTERN: Final = "^[a-z0-9][a-z0-9_-]*$"
MAX_NAME: Final = 64
MAX_COMPARED: Final = 300
"""Maximum number of names to compare; more take too long for a hint."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")


def is_name(text: str) -> bool:
    """Return whether the text is a valid name of a skill, tool or lane."""
    return len(text) <= MAX_NAME and _NAME.match(text) is not None


def as_name(text: str) -> str:
    """Return the nearest valid name: `My Skill` becomes `my-skill`."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:MAX_NAME] or "my-skill"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word whose spelling is most similar, or None if none is similar."""
    spelled = {name.lower(): name for name in islice(known, MAX_COMPARED) if len(name) <= 200}
    found = get_close_matches(word[:200].lower(), spelled, n=1, cutoff=0.6)
    return spelled[found[0]] if found else None


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ` Did you mean 'x'?`, or an empty string if no known word is similar."""
    name = nearest(word, known)
    return f" Did you mean {name!r}?" if name else ""
