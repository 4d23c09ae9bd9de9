"""The peer of N2, procrastinate, in separate processes: `python -m benchmarks.peer URL defer TASK COUNT | work`."""

from __future__ import annotations

import asyncio
import logging
import sys
from itertools import count
from typing import Final

import procrastinate

CONCURRENCY: Final = 8
"""The number of jobs that the worker of this project runs, and its clients submit, concurrently."""

logging.getLogger("procrastinate").setLevel(
    logging.ERROR
)  # it warns about an app in the main module, and logs each job
app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=sys.argv[1], min_size=1, max_size=CONCURRENCY + 2)
)


@app.task(name="noop")
async def noop(n: int) -> None:
    """Do nothing, without isolation or HTTP."""


@app.task(name="process")
async def process(n: int) -> None:
    """Run one bare interpreter for each job: the minimal isolation of two jobs."""
    child = await asyncio.create_subprocess_exec("/usr/bin/python3", "-I", "-c", "pass")
    await child.wait()


async def defer(task: str, jobs: int) -> None:
    """Submit this number of jobs, each in a separate transaction."""
    numbers = count()

    async def one_by_one() -> None:
        while (n := next(numbers)) < jobs:
            await app.configure_task(task).defer_async(n=n)

    await asyncio.gather(*(one_by_one() for _ in range(CONCURRENCY)))


async def main(arguments: list[str]) -> None:
    """Create the tables, submit jobs, or run a worker until a signal arrives."""
    async with app.open_async():
        match arguments:
            case ["prepare"]:
                await app.schema_manager.apply_schema_async()
            case ["defer", task, jobs]:
                await defer(task, int(jobs))
            case ["work"]:
                await app.run_worker_async(concurrency=CONCURRENCY)
            case _:
                raise SystemExit(__doc__)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[2:]))
