"""DBOS, in a separate process: `python -m benchmarks.peers.dbos_steps DATABASE_URL STEPS`.

Each line of its input starts a workflow of that many steps; the process prints the seconds of its steps. The tables of
DBOS are created in the database with this URL.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Final

from dbos import DBOS, DBOSConfig

_NAME: Final = "benchmark"


def _noop(n: int) -> dict[str, int]:
    """Do nothing, as the step of the other side does."""
    return {"n": n}


noop: Any = DBOS.step()(_noop)


def _workflow(steps: int) -> float:
    """Run the steps one after another, and return the seconds that they took."""
    began = time.perf_counter()
    for n in range(steps):
        noop(n)
    return time.perf_counter() - began


workflow: Any = DBOS.workflow()(_workflow)


def main(arguments: list[str]) -> None:
    """Run a workflow for each line of the input until it ends."""
    database_url, steps = arguments
    config: DBOSConfig = {
        "name": _NAME,
        "system_database_url": database_url,
        "log_level": "ERROR",
    }
    instance: Any = DBOS(config=config)
    instance.launch()
    for _ in sys.stdin:
        sys.stdout.write(f"{workflow(int(steps))}\n")
        sys.stdout.flush()
    instance.destroy()


if __name__ == "__main__":
    main(sys.argv[1:])
