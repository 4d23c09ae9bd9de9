"""The results of the tests with faults as a table: guarantee, rounds, result, time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.chaos.rounds import ROUNDS

HEAD = ("guarantee", "rounds", "result", "time")  # the result is last because it may be long


@dataclass(slots=True)
class Row:
    """One guarantee; a test with parameters is one guarantee with several variants."""

    rounds: int = 1
    variants: int = 0
    took_s: float = 0.0
    observations: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def result(self) -> str:
        """Return the observations, failures first."""
        if self.broken:
            return "; ".join([f"BROKEN: {', '.join(self.broken)}", *self.observations])
        if self.skipped and not self.variants:
            return f"skipped: {'; '.join(sorted(set(self.skipped)))}"
        held = "holds" if self.variants == 1 else f"holds in {self.variants} variants"
        skipped = f"; {len(self.skipped)} skipped" if self.skipped else ""
        return "; ".join(self.observations or [held]) + skipped


def rounds_of(item: pytest.Item) -> int:
    """Return the number of rounds of the test."""
    names = item.function.__code__.co_names if isinstance(item, pytest.Function) else ()
    return ROUNDS if "ROUNDS" in names else 1


def rows_of(reports: Iterable[pytest.TestReport]) -> dict[str, Row]:
    """Return the guarantees in the order of their tests."""
    rows: dict[str, Row] = {}
    for report in reports:
        name, _, variant = report.location[2].partition("[")
        row = rows.setdefault(name.removeprefix("test_").replace("_", " "), Row())
        row.took_s += report.duration
        if report.failed:
            row.broken.append(variant.rstrip("]") or report.when or "")
        elif report.skipped:
            row.skipped.append(_why_skipped(report))
        elif report.when == "call":
            row.variants += 1
        if report.when == "call":
            known = dict(report.user_properties)
            row.rounds = int(str(known.get("rounds", 1)))
            row.observations += [str(text) for key, text in report.user_properties if key == "observation"]
    return rows


def lines_of(rows: dict[str, Row]) -> Iterator[str]:
    """Return the lines of the table; none without tests."""
    cells = [
        (guarantee, str(row.rounds), row.result, f"{row.took_s:.1f} s") for guarantee, row in rows.items()
    ]
    if not cells:
        return
    widths = [max(len(row[column]) for row in (HEAD, *cells)) for column in (0, 1)]
    for guarantee, rounds, result, took in (HEAD, *cells):
        yield f"{guarantee:<{widths[0]}}  {rounds:>{widths[1]}}  {took:>8}  {result}"


def _why_skipped(report: pytest.TestReport) -> str:
    where = report.longrepr
    return str(where[2]).removeprefix("Skipped: ") if isinstance(where, tuple) else "skipped"
