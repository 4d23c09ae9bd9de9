"""The arithmetic of the benchmarks: percentiles, ratios of rounds, and goals."""

from __future__ import annotations

import pytest

from benchmarks.measurement import Measurement, Row, at_least, at_most
from benchmarks.numbers import alternate, median_ratio, percentile
from benchmarks.wal import Wal


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert percentile(values, 0.5) == 51
    assert percentile(values, 0.95) == 96
    assert percentile(values, 1.0) == 100
    assert percentile([7.0], 0.99) == 7


def test_sides_are_measured_in_turn() -> None:
    order: list[str] = []

    def side(name: str) -> int:
        order.append(name)
        return len(order)

    assert alternate(3, lambda: side("ours"), lambda: side("peer")) == [[1, 3, 5], [2, 4, 6]]
    assert order == ["ours", "peer"] * 3


def test_the_ratio_compares_values_of_the_same_round() -> None:
    """The host was ten times slower in the last round; the ratio of the sums would be 2.8."""
    assert median_ratio([2.0, 2.0, 30.0], [1.0, 1.0, 10.0]) == 2
    assert median_ratio([3.0], [1.5]) == 2
    with pytest.raises(ValueError, match="shorter"):
        median_ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("row", "goal", "measured", "is_met"),
    [
        (at_most("a", "A", 0.6, 0.6, "×"), "≤ 0.6 ×", "0.60 ×", True),
        (
            at_most("a", "A", 0.601, 0.6, "×", detail="6 against 10 ms"),
            "≤ 0.6 ×",
            "0.60 × (6 against 10 ms)",
            False,
        ),
        (at_least("a", "A", 300.0, 300, "jobs/s"), "≥ 300 jobs/s", "300 jobs/s", True),
        (at_least("a", "A", 2.99, 3, "×"), "≥ 3 ×", "2.99 ×", False),
    ],
)
def test_a_goal_includes_its_limit(row: Row, goal: str, measured: str, *, is_met: bool) -> None:
    assert row == Row("a", "A", goal, measured, is_met)


def test_stored_values_have_five_digits() -> None:
    measurement = Measurement("N1", (), {"times_s": [[0.012345678], (1234.5678,)], "jobs": 3, "name": "one"})
    assert measurement.as_json()["raw"] == {"times_s": [[0.012346], [1234.6]], "jobs": 3, "name": "one"}


def test_what_the_idle_server_writes_is_subtracted() -> None:
    before = Wal(bytes=1_000, records=10, full_pages=1, fsyncs=5, at_s=100)
    after = Wal(bytes=9_000, records=70, full_pages=2, fsyncs=29, at_s=120)
    idle = Wal(bytes=1_000, records=5, full_pages=0, fsyncs=2, at_s=10)
    growth = after.since(before)
    assert growth == Wal(bytes=8_000, records=60, full_pages=1, fsyncs=24, at_s=20)
    assert growth.per_job(10, idle) == Wal(bytes=600, records=5, full_pages=0.1, fsyncs=2, at_s=2)
