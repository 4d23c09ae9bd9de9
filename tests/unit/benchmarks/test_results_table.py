"""The table of results contains stored results and reasons, and nothing that was written by hand."""

from __future__ import annotations

from typing import Any

from benchmarks import results_table
from benchmarks.__main__ import MODULES
from benchmarks.measurement import Measurement, at_most
from benchmarks.results_table import NO_REASON, stored_form, table

HOST = {"machine": "2 cores", "versions": "Python 3.11", "commit": "abc", "date": "2026-11-29"}


def result(number: str, value: float, **host: str) -> dict[str, Any]:
    row = at_most("p50", "a job", value, 2, "ms")
    return stored_form(Measurement(number, (row,), {}, f"How {number} is measured"), {**HOST, **host}, 5)


def test_a_missed_goal_has_its_reason() -> None:
    reasons = {"N1": {"p50": "the disk"}, "N2": {"all": "the processor"}}
    text = table([result("N1", 3), result("N2", 3), result("N3", 3), result("N4", 1)], reasons)
    lines = [line for line in text.splitlines() if line.startswith("| N")]
    assert lines == [
        "| N1 | a job | ≤ 2 ms | 3.00 ms | **no** | the disk |",
        "| N2 | a job | ≤ 2 ms | 3.00 ms | **no** | the processor |",
        f"| N3 | a job | ≤ 2 ms | 3.00 ms | **no** | {NO_REASON} |",
        "| N4 | a job | ≤ 2 ms | 1.00 ms | yes |  |",
    ]
    assert "- **N1**: How N1 is measured" in text


def test_a_reason_is_not_shown_when_the_goal_is_met() -> None:
    assert "the disk" not in table([result("N1", 1)], {"N1": {"p50": "the disk"}})


def test_one_host_is_described_once() -> None:
    text = table([result("N1", 1), result("N2", 1, commit="def")], {})
    assert "\n- 2 cores; Python 3.11; commit abc (2026-11-29), def (2026-11-29); 5 rounds\n" in text


def test_numbers_of_another_host_are_marked() -> None:
    text = table([result("N1", 1), result("N2", 1, machine="64 cores"), result("N3", 1)], {})
    assert "\n- **N1, N3**: 2 cores; " in text
    assert "\n- **N2**: 64 cores; " in text


def test_the_table_is_that_of_the_stored_results() -> None:
    results, reasons = results_table.load(), results_table.load_reasons()
    text = results_table.TABLE.read_text(encoding="utf-8")
    assert text == table(results, reasons), "run `python -m benchmarks --table`"
    assert NO_REASON not in text, "write the reason into benchmarks/reasons.toml"


def test_results_and_reasons_belong_to_numbers() -> None:
    rows = {stored["number"]: {row["key"] for row in stored["rows"]} for stored in results_table.load()}
    assert rows.keys() <= MODULES.keys()
    for number, reasons in results_table.load_reasons().items():
        assert number in MODULES
        assert reasons.keys() <= {"all"} | rows.get(number, reasons.keys()), number
