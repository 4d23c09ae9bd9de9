"""Draw the spans of a job as a tree, each with a bar for its time within the job."""

from __future__ import annotations

import shutil
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from puras.cli import printing

Span = Mapping[str, Any]
_MAX_DEPTH: Final = 20


class _Row(NamedTuple):
    label: str
    start_ms: float
    duration_ms: float | None
    span: Span


def lines(spans: Sequence[Span]) -> Iterator[str]:
    """Yield one line for each span, in order of their start, with children after their parent."""
    if not spans:
        yield "The job has no spans yet."
        return
    rows = list(_rows(spans))
    first = min(row.start_ms for row in rows)
    ends = [row.start_ms + row.duration_ms for row in rows if row.duration_ms is not None]
    whole_ms = max([1.0, *(end - first for end in ends)])
    label_width = min(44, max(len(row.label) for row in rows))
    width = max(10, shutil.get_terminal_size((100, 24)).columns - label_width - 12)
    full, part = _characters()
    for row in rows:
        label = printing.shortened(row.label, label_width).ljust(label_width)
        bar = _bar(
            (row.start_ms - first) / whole_ms, row.duration_ms, whole_ms, width=width, full=full, part=part
        )
        kind = "failed" if row.span["attributes"].get("ok") is False else "running"
        yield f"{label} {printing.colored(bar, kind)} {printing.seconds(row.duration_ms):>9}"


def _rows(spans: Sequence[Span]) -> Iterator[_Row]:
    known = {span["span_id"] for span in spans}
    children: defaultdict[str | None, list[Span]] = defaultdict(list)
    for span in spans:
        parent = span["parent_span_id"]
        children[parent if parent in known else None].append(span)
    drawn: set[int] = set()
    yield from _tree(children[None], 0, children, drawn)
    # Spans that are their own ancestors have no root: each tree of them starts at its earliest span.
    for span in sorted(spans, key=_start_ms):
        yield from _tree([span], 0, children, drawn)


def _tree(
    spans: Sequence[Span], depth: int, children: Mapping[str | None, list[Span]], drawn: set[int]
) -> Iterator[_Row]:
    """Yield the rows of these spans and of everything below them, without the spans that are already drawn."""
    for span in sorted(spans, key=_start_ms):
        if id(span) in drawn:
            continue
        drawn.add(id(span))
        name = str(span["name"])
        kind = "" if span["kind"] == name else f"{span['kind']} "
        label = f"{'  ' * min(depth, _MAX_DEPTH)}{kind}{name}"
        yield _Row(printing.plain(label), _start_ms(span), span["duration_ms"], span)
        yield from _tree(children.get(span["span_id"], ()), depth + 1, children, drawn)


def _start_ms(span: Span) -> float:
    return datetime.fromisoformat(str(span["started_at"])).timestamp() * 1_000


def _bar(
    start: float, duration_ms: float | None, whole_ms: float, *, width: int, full: str, part: str
) -> str:
    left = min(width - 1, max(0, round(start * width)))
    if duration_ms is None:
        return (" " * left + part * (width - left)).ljust(width)
    length = max(1, round(duration_ms / whole_ms * width))
    return (" " * left + full * min(length, width - left)).ljust(width)


def _characters() -> tuple[str, str]:
    """Return the characters for completed and for running spans, in the encoding of the terminal."""
    try:
        "█░".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return "#", "."
    return "█", "░"
