"""Print results to stdout, and messages to stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from puras.client import Problem

_COLORS: Final = {
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
    """Print one line of the result."""
    sys.stdout.write(f"{text}\n")


def answers(lines: Iterable[str]) -> None:
    """Print the lines of the result."""
    for line in lines:
        answer(line)


def answer_json(value: object) -> None:
    """Print the result as indented JSON."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def answer_line(value: object) -> None:
    """Print one of several results as JSON on one line, without buffering."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a message for the user to stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def plain(text: object) -> str:
    """Return untrusted text on one line, without control characters of terminals."""
    return "".join(one if one.isprintable() else " " for one in str(text))


def plain_lines(text: object) -> str:
    """Return untrusted text without control characters, with its line breaks."""
    return "\n".join(plain(line) for line in str(text).splitlines())


def shortened(text: object, max_characters: int = _MAX_CHARACTERS) -> str:
    """Return the text on one line, truncated to the maximum number of characters."""
    whole = plain(text)
    return whole if len(whole) <= max_characters else f"{whole[: max_characters - 1]}…"


def colored(text: str, kind: str) -> str:
    """Return the text in the color of its kind, if stdout is a terminal with colors."""
    code = _COLORS.get(kind)
    if code is None or os.environ.get("NO_COLOR") or not sys.stdout.isatty():
        return text
    return f"\033[{code}m{text}\033[0m"


def table(head: Sequence[str], rows: Sequence[Sequence[object]], *, status: int | None = None) -> None:
    """Print a table. The column with the index `status` is colored."""
    texts = [[plain(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(head), *texts]) for column in range(len(head))]
    answer(
        colored(
            "  ".join(cell.ljust(width) for cell, width in zip(head, widths, strict=True)).rstrip(), "dim"
        )
    )
    for row in texts:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        if status is not None:
            cells[status] = colored(cells[status], row[status].partition(" ")[0])
        answer("  ".join(cells).rstrip())


def problem(one: Problem) -> str:
    """Return `FILE:LINE: MESSAGE`, a format from which editors open the file."""
    place = one.path if one.line is None else f"{one.path}:{one.line}"
    return f"{plain(place)}: {plain(one.message)}"


def dollars(micros: int | None) -> str:
    """Return an amount in dollars, with two or six decimal places."""
    if micros is None:
        return ""
    places = 2 if micros % 10_000 == 0 else 6
    return f"${micros / 1_000_000:,.{places}f}"


def seconds(milliseconds: float | None) -> str:
    """Return a duration with its unit."""
    if milliseconds is None:
        return "…"
    if milliseconds < 1_000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1_000:.1f} s" if milliseconds < 60_000 else f"{milliseconds / 60_000:.1f} min"


def size(size_bytes: int) -> str:
    """Return a number of bytes with its unit."""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if amount < 1_000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1_000
    return f"{amount:.1f} GB"


def event(fact: Mapping[str, Any]) -> str:
    """Return an event on one line: the time, the type and a summary of the payload."""
    time = str(fact.get("ts", ""))[11:19]
    kind = colored(plain(fact["type"]), fact["type"])
    return f"{colored(time, 'dim')}  {kind}  {shortened(_summary(fact['type'], fact['payload']))}".rstrip()


def _summary(kind: str, payload: Mapping[str, Any]) -> str:
    """Return the most useful part of a payload."""
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
    summary = next((payload[name] for name in names if payload.get(name)), None)
    return str(summary) if summary is not None else json.dumps(payload, ensure_ascii=False) if payload else ""


class Progress:
    """A progress bar for uploads and downloads, if stderr is a terminal."""

    def __init__(self, label: str, size_bytes: int) -> None:
        self._label = label
        self._total = max(1, size_bytes)
        self._done = 0
        self._shown = -1
        self._is_visible = sys.stderr.isatty()

    def __call__(self, more_bytes: int) -> None:
        """Add transferred bytes."""
        self._done = min(self._total, self._done + more_bytes)
        percent = 100 * self._done // self._total
        if self._is_visible and percent != self._shown:
            self._shown = percent
            width = max(10, min(40, shutil.get_terminal_size().columns - len(self._label) - 12))
            bar = "█" * (width * percent // 100)
            sys.stderr.write(f"\r{self._label}  {bar:<{width}} {percent:3d} %")
            sys.stderr.flush()

    def end(self) -> None:
        """Remove the progress bar."""
        if self._is_visible and self._shown >= 0:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
