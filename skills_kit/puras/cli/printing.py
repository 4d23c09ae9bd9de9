"""What a terminal shows: answers on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from puras.client import Problem

_COLOURS: Final = {
    "succeeded": "32",
    "passed": "32",
    "active": "32",
    "failed": "31",
    "cancelled": "33",
    "running": "36",
    "waiting": "35",
    "error": "31",
    "dim": "2",
    "bold": "1",
}
_MAX_CHARACTERS: Final = 200


def answer(text: str = "") -> None:
    """A line of what was asked for."""
    sys.stdout.write(f"{text}\n")


def answers(lines: Iterable[str]) -> None:
    """Lines of what was asked for."""
    for line in lines:
        answer(line)


def answer_json(value: object) -> None:
    """What was asked for, for programs."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def answer_line(value: object) -> None:
    """One of many, for programs: JSON on a line of its own, at once."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """A line for a person, beside the answer."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def plain(text: object) -> str:
    """Text of somebody else's on one line, without what would steer the terminal."""
    return "".join(one if one.isprintable() else " " for one in str(text))


def plain_lines(text: object) -> str:
    """The same, with its lines."""
    return "\n".join(plain(line) for line in str(text).splitlines())


def shortened(text: object, most: int = _MAX_CHARACTERS) -> str:
    """One line of at most so many characters."""
    whole = plain(text)
    return whole if len(whole) <= most else f"{whole[: most - 1]}…"


def coloured(text: str, kind: str) -> str:
    """The text in the colour of its kind, on a terminal that has colours."""
    code = _COLOURS.get(kind)
    if code is None or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\033[{code}m{text}\033[0m"


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, status: int | None = None) -> None:
    """Rows below their heads; the column `status` has colours."""
    texts = [[plain(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(head), *texts]) for column in range(len(head))]
    answer(
        coloured(
            "  ".join(cell.ljust(width) for cell, width in zip(head, widths, strict=True)).rstrip(), "dim"
        )
    )
    for row in texts:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if status is not None:
            cells[status] = coloured(cells[status], row[status].partition(" ")[0])
        answer("  ".join(cells).rstrip())


def problem(one: Problem) -> str:
    """`skills/x/skill.yaml:3: what is wrong`, which editors know how to open."""
    place = one.path if one.line is None else f"{one.path}:{one.line}"
    return f"{plain(place)}: {plain(one.message)}"


def dollars(micros: int | None) -> str:
    """An amount as people write it, with as many places as it needs."""
    if micros is None:
        return ""
    places = 2 if micros % 10_000 == 0 else 6
    return f"${micros / 1_000_000:,.{places}f}"


def seconds(milliseconds: float | None) -> str:
    """A stretch of time, short."""
    if milliseconds is None:
        return "…"
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1_000:.1f} s" if milliseconds < 60_000 else f"{milliseconds / 60_000:.1f} min"


def size(size_bytes: int) -> str:
    """So many bytes, short."""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if amount < 1_000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1_000
    return f"{amount:.1f} GB"


def event(fact: Mapping[str, Any]) -> str:
    """An event on one line: its time, its type and what it says."""
    time = str(fact.get("ts", ""))[11:19]
    kind = coloured(plain(fact["type"]), fact["type"])
    return f"{coloured(time, 'dim')}  {kind}  {shortened(_told(fact['type'], fact['payload']))}".rstrip()


def _told(kind: str, payload: Mapping[str, Any]) -> str:
    """What a person wants to know of it."""
    if kind == "model_response":
        blocks = payload.get("blocks") or []
        words = [
            str(one.get("text", "")) for one in blocks if isinstance(one, dict) and one.get("type") == "text"
        ]
        if any(words):
            return " ".join(words)
    if kind in ("tool_use", "tool_started"):
        given = json.dumps(payload["input"], ensure_ascii=False) if "input" in payload else ""
        return f"{payload.get('name') or payload.get('tool') or ''}  {given}".rstrip()
    names = ("text", "message", "error", "preview", "status")
    told = next((payload[name] for name in names if payload.get(name)), None)
    return str(told) if told is not None else json.dumps(payload, ensure_ascii=False) if payload else ""


class Progress:
    """How much of something has gone over the line, on a terminal; nothing elsewhere."""

    def __init__(self, what: str, size_bytes: int) -> None:
        self._what = what
        self._all = max(1, size_bytes)
        self._done = 0
        self._shown = -1
        self._is_seen = sys.stderr.isatty()

    def __call__(self, more_bytes: int) -> None:
        """So many bytes more."""
        self._done = min(self._all, self._done + more_bytes)
        percent = 100 * self._done // self._all
        if self._is_seen and percent != self._shown:
            self._shown = percent
            width = max(10, min(40, shutil.get_terminal_size().columns - len(self._what) - 12))
            bar = "█" * (width * percent // 100)
            sys.stderr.write(f"\r{self._what}  {bar:<{width}} {percent:3d} %")
            sys.stderr.flush()

    def end(self) -> None:
        """Take it off the terminal."""
        if self._is_seen and self._shown >= 0:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
