"""What an edit has changed, as lines with a little around them, and not more than one can take in."""

from __future__ import annotations

import difflib
from typing import Final

MAX_LINES: Final = 80
_AROUND: Final = 3
_MAX_COMPARED: Final = 400  # comparing takes the square of it
_MAX_CHARACTERS: Final = 500  # of one line


def difference(before: str, after: str) -> str:
    """The changed lines, `-` before and `+` after, with their place in the file."""
    old, new = before.split("\n"), after.split("\n")
    head = _same(old, new)
    tail = _same(old[head:][::-1], new[head:][::-1])
    first = max(0, head - _AROUND)
    kept = max(0, tail - _AROUND)
    lines = _compared(old[first : len(old) - kept], new[first : len(new) - kept], first)
    shown = [
        line if len(line) <= _MAX_CHARACTERS else f"{line[:_MAX_CHARACTERS]}…" for line in lines[:MAX_LINES]
    ]
    if len(lines) > MAX_LINES:
        shown.append(f"[… {len(lines) - MAX_LINES:,} more lines]")
    return "\n".join(shown)


def _compared(gone: list[str], come: list[str], first: int) -> list[str]:
    place = f"@@ from line {first + 1} @@"
    if max(len(gone), len(come)) > _MAX_COMPARED:
        return [place, *(f"-{line}" for line in gone), *(f"+{line}" for line in come)]
    compared = difflib.unified_diff(gone, come, lineterm="", n=_AROUND)
    return [place, *(line for line in list(compared)[2:] if not line.startswith("@@"))]


def _same(old: list[str], new: list[str]) -> int:
    """How many lines are the same from the beginning."""
    count = 0
    for ours, theirs in zip(old, new, strict=False):
        if ours != theirs:
            break
        count += 1
    return count
