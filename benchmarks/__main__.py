"""`python -m benchmarks [N1 N7 …]`: measure, print the table, and write it to `benchmarks/RESULTS.md` when all ran."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import n01_noop_job, n07_push_to_result, n08_start_and_memory, n10_lost_worker
from benchmarks.numbers import say, table

ALL = {
    "N1": n01_noop_job.measure,
    "N7": n07_push_to_result.measure,
    "N8": n08_start_and_memory.measure,
    "N10": n10_lost_worker.measure,
}


def main(names: list[str]) -> int:
    """Measure the named numbers, or all of them."""
    rows = []
    for name in names or ALL:
        say(f"measuring {name} …")
        rows.append(ALL[name]())
    text = table(rows)
    print(text)
    if not names:
        (Path(__file__).parent / "RESULTS.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
