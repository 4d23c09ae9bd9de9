"""Measure the performance numbers and print a table: `python -m benchmarks [n01 N7 …]`.

Without arguments, all numbers are measured and the table is written to `benchmarks/RESULTS.md`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import (
    n01_noop_job,
    n02_sustained,
    n03_agent_turns,
    n04_agents_in_flight,
    n05_growth,
    n06_streams,
    n07_push_to_result,
    n08_start_and_memory,
    n09_first_page,
    n10_lost_worker,
    n11_first_delta,
    n12_event_to_page,
    n13_clicks,
    n14_finish_with_scheduled_jobs,
)
from benchmarks.numbers import report_progress, table

ALL = {
    "N1": n01_noop_job.measure,
    "N2": n02_sustained.measure,
    "N3": n03_agent_turns.measure,
    "N4": n04_agents_in_flight.measure,
    "N5": n05_growth.measure,
    "N6": n06_streams.measure,
    "N7": n07_push_to_result.measure,
    "N8": n08_start_and_memory.measure,
    "N9": n09_first_page.measure,
    "N10": n10_lost_worker.measure,
    "N11": n11_first_delta.measure,
    "N12": n12_event_to_page.measure,
    "N13": n13_clicks.measure,
    "N14": n14_finish_with_scheduled_jobs.measure,
}


def main(names: list[str]) -> int:
    """Measure the named numbers, or all of them."""
    chosen = [_number(name) for name in names] or list(ALL)
    rows = []
    for name in chosen:
        report_progress(f"measuring {name} …")
        rows.append(ALL[name]())
    text = table(rows)
    print(text)
    if not names:
        (Path(__file__).parent / "RESULTS.md").write_text(text, encoding="utf-8")
    return 0


def _number(name: str) -> str:
    """Return the name of a number: `n01`, `N1` and `1` are the same."""
    digits = name.lower().removeprefix("n").lstrip("0")
    if f"N{digits}" not in ALL:
        raise SystemExit(f"There is no number {name!r}. There are: {', '.join(ALL)}.")
    return f"N{digits}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
