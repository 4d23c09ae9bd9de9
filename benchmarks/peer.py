"""The peer of N2, procrastinate, in processes of its own: `python -m benchmarks.peer URL defer TASK COUNT | work`."""

from __future__ import annotations

import asyncio
import logging
import sys
from itertools import count
from typing import Final

import procrastinate

AT_ONCE: Final = 8
"""As many as our worker runs at once, and as many as our clients submit at once."""

logging.getLogger("procrastinate").setLevel(
    logging.ERROR
)  # it warns of an app in the main module, and tells of jobs
app = procrastinate.App(
    connector=procrastinate.PsycopgConnector(conninfo=sys.argv[1], min_size=1, max_size=AT_ONCE + 2)
)


@app.task(name="noop")
async def noop(n: int) -> None:
    """Nothing: no isolation, no HTTP."""


@app.task(name="process")
async def process(n: int) -> None:
    """One bare interpreter for each job: the least that keeps two jobs apart."""
    child = await asyncio.create_subprocess_exec("/usr/bin/python3", "-I", "-c", "pass")
    await child.wait()


async def defer(task: str, jobs: int) -> None:
    """Submit so many jobs, each in a transaction of its own."""
    numbers = count()

    async def one_by_one() -> None:
        while (n := next(numbers)) < jobs:
            await app.configure_task(task).defer_async(n=n)

    await asyncio.gather(*(one_by_one() for _ in range(AT_ONCE)))


async def main(arguments: list[str]) -> None:
    """Make the tables, defer, or work until a signal comes."""
    async with app.open_async():
        match arguments:
            case ["prepare"]:
                await app.schema_manager.apply_schema_async()
            case ["defer", task, jobs]:
                await defer(task, int(jobs))
            case ["work"]:
                await app.run_worker_async(concurrency=AT_ONCE)
            case _:
                raise SystemExit(__doc__)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[2:]))
