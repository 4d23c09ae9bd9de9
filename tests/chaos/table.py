"""What the tests under fire have shown, as a table: promise, rounds, result, time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.chaos.rounds import ROUNDS

HEAD = ("promise", "rounds", "result", "time")  # the result is last: it may be long


@dataclass(slots=True)
class Row:
    """One promise; a test with parameters is one promise, tried in several ways."""

    rounds: int = 1
    ways: int = 0
    took_s: float = 0.0
    told: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    not_tried: list[str] = field(default_factory=list)

    @property
    def result(self) -> str:
        """What was seen, failures first."""
        if self.broken:
            return "; ".join([f"BROKEN: {', '.join(self.broken)}", *self.told])
        if self.not_tried and not self.ways:
            return f"not tried: {'; '.join(sorted(set(self.not_tried)))}"
        held = "holds" if self.ways == 1 else f"holds in {self.ways} ways"
        skipped = f"; {len(self.not_tried)} not tried" if self.not_tried else ""
        return "; ".join(self.told or [held]) + skipped


def rounds_of(item: pytest.Item) -> int:
    """How often the test does what it does."""
    names = item.function.__code__.co_names if isinstance(item, pytest.Function) else ()
    return ROUNDS if "ROUNDS" in names else 1


def rows_of(reports: Iterable[pytest.TestReport]) -> dict[str, Row]:
    """The promises in the order in which they were tried."""
    rows: dict[str, Row] = {}
    for report in reports:
        name, _, way = report.location[2].partition("[")
        row = rows.setdefault(name.removeprefix("test_").replace("_", " "), Row())
        row.took_s += report.duration
        if report.failed:
            row.broken.append(way.rstrip("]") or report.when or "")
        elif report.skipped:
            row.not_tried.append(_why_skipped(report))
        elif report.when == "call":
            row.ways += 1
        if report.when == "call":
            known = dict(report.user_properties)
            row.rounds = int(str(known.get("rounds", 1)))
            row.told += [str(said) for word, said in report.user_properties if word == "told"]
    return rows


def lines_of(rows: dict[str, Row]) -> Iterator[str]:
    """The table; empty when nothing was tried."""
    cells = [(promise, str(row.rounds), row.result, f"{row.took_s:.1f} s") for promise, row in rows.items()]
    if not cells:
        return
    widths = [max(len(row[column]) for row in (HEAD, *cells)) for column in (0, 1)]
    for promise, rounds, result, took in (HEAD, *cells):
        yield f"{promise:<{widths[0]}}  {rounds:>{widths[1]}}  {took:>8}  {result}"


def _why_skipped(report: pytest.TestReport) -> str:
    where = report.longrepr
    return str(where[2]).removeprefix("Skipped: ") if isinstance(where, tuple) else "skipped"
