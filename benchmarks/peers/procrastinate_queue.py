"""Procrastinate, in separate processes.

    python -m benchmarks.peers.procrastinate_queue URL prepare | work | submit TASK COUNT

`submit` follows the protocol of `clients.py`.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from itertools import count
from typing import Any, Final

import procrastinate

from benchmarks.clients import report_done, report_ready_and_wait

CONCURRENCY: Final = 8
"""The number of jobs that clients submit, and the worker runs, concurrently; equal for all queues."""

# It warns about an app in the main module, and logs each job.
logging.getLogger("procrastinate").setLevel(logging.ERROR)
app: Any = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=sys.argv[1], min_size=1, max_size=CONCURRENCY + 2)
)


async def noop(n: int) -> None:
    """Do nothing, without isolation or HTTP."""


async def process(n: int) -> None:
    """Run one bare interpreter for each job: the minimal isolation of two jobs."""
    child = await asyncio.create_subprocess_exec(sys.executable, "-I", "-c", "pass")
    await child.wait()


for task in (noop, process):
    app.task(name=task.__name__)(task)


async def submit(task: str, jobs: int) -> None:
    """Submit this number of jobs, each in a separate transaction."""
    numbers = count()

    async def one_by_one() -> None:
        while (n := next(numbers)) < jobs:
            await app.configure_task(task).defer_async(n=n)

    report_ready_and_wait()
    await asyncio.gather(*(one_by_one() for _ in range(CONCURRENCY)))
    report_done()


async def main(arguments: list[str]) -> None:
    """Create the tables, submit jobs, or run a worker until a signal arrives."""
    async with app.open_async():
        match arguments:
            case ["prepare"]:
                await app.schema_manager.apply_schema_async()
            case ["submit", task, jobs]:
                await submit(task, int(jobs))
            case ["work"]:
                await app.run_worker_async(concurrency=CONCURRENCY)
            case _:
                raise SystemExit(__doc__)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[2:]))
