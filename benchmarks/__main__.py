"""Measure the performance numbers, store them, and write the table.

Numbers are named `N1`, `n01` or `1`; without names, all are measured. Results of fewer than five rounds are only
printed.
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Final

from benchmarks import host, results_table
from benchmarks.measurement import Measurement
from benchmarks.numbers import report_progress
from benchmarks.results_table import MIN_STORED_ROUNDS

MODULES: Final = {
    "N1": "n01_noop_job",
    "N2": "n02_sustained",
    "N3": "n03_agent_turns",
    "N4": "n04_agents_in_flight",
    "N5": "n05_growth",
    "N6": "n06_streams",
    "N7": "n07_push_to_result",
    "N8": "n08_start_and_memory",
    "N9": "n09_first_page",
    "N10": "n10_lost_worker",
    "N11": "n11_first_delta",
    "N12": "n12_event_to_page",
    "N13": "n13_clicks",
    "N14": "n14_wal_and_fsyncs",
    "N15": "n15_submit_cpu",
    "N16": "n16_idle_memory",
    "N18": "n18_push_with_packages",
    "N19": "n19_durable_step",
    "N20": "n20_waiting_flows",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure numbers; return 1 if one of them could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="NUMBER", type=_number, help="numbers to measure")
    parser.add_argument(
        "--rounds", type=int, default=MIN_STORED_ROUNDS, help="alternating rounds (default: 5)"
    )
    parser.add_argument(
        "--except", nargs="+", default=[], type=_number, dest="excluded", help="numbers to leave out"
    )
    parser.add_argument("--table", action="store_true", help="measure nothing, only write RESULTS.md again")
    given = parser.parse_args(arguments)
    if given.table:
        results_table.write()
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit)
    chosen = [name for name in given.numbers or MODULES if name not in given.excluded]
    measured = [_measure(name, given.rounds) for name in chosen]
    results = [each for each in measured if each is not None]
    print(results_table.table(results, results_table.load_reasons()))
    if given.rounds >= MIN_STORED_ROUNDS:
        results_table.write()
    return 0 if len(results) == len(chosen) else 1


def _measure(name: str, rounds: int) -> results_table.Stored | None:
    """Measure a number and store it; print the error and return None if that fails."""
    report_progress(f"measuring {name} …")
    began = time.monotonic()
    try:
        measure: Callable[[int], Measurement] = importlib.import_module(f"benchmarks.{MODULES[name]}").measure
        stored = results_table.stored_form(measure(rounds), host.describe(), rounds)
    except Exception:  # noqa: BLE001 - the other numbers are measured all the same
        traceback.print_exc()
        report_progress(f"{name} was not measured")
        return None
    if rounds >= MIN_STORED_ROUNDS:
        results_table.store(stored)
    report_progress(f"{name} took {time.monotonic() - began:.0f} s")
    return stored


def _number(name: str) -> str:
    """Return the name of a number: `n01`, `N1` and `1` are the same."""
    digits = name.lower().removeprefix("n").lstrip("0")
    if f"N{digits}" not in MODULES:
        raise argparse.ArgumentTypeError(f"There is no number {name!r}. There are: {', '.join(MODULES)}.")
    return f"N{digits}"


def _exit(received: int, _frame: FrameType | None) -> None:
    """End this process so that it stops everything that it has started; ignore further signals meanwhile."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(128 + received)


if __name__ == "__main__":
    sys.exit(main())
