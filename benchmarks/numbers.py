"""Percentiles, and the arithmetic of alternating rounds."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

Value = TypeVar("Value")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which the share (0 to 1) of the values is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values: Sequence[float]) -> str:
    """Return p50 and p99 of values in seconds, as text in milliseconds."""
    return f"{statistics.median(values) * 1000:.1f} / {percentile(values, 0.99) * 1000:.1f} ms"


def alternate(rounds: int, *sides: Callable[[], Value]) -> list[list[Value]]:
    """Measure each side once per round, in the given order.

    Returns:
        For each side, its values of all rounds.
    """
    values: list[list[Value]] = [[] for _ in sides]
    for _ in range(rounds):
        for measured, side in zip(values, sides, strict=True):
            measured.append(side())
    return values


def median_ratio(values: Sequence[float], base: Sequence[float]) -> float:
    """Return the median of the ratios of each round, which is not affected by a host that is slow in one round."""
    return statistics.median(value / of_base for value, of_base in zip(values, base, strict=True))


def report_progress(text: str) -> None:
    """Print a line of progress to standard error."""
    sys.stderr.write(text + "\n")
