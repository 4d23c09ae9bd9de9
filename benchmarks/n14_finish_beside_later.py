"""N14: ending jobs of a project that has no jobs for later and of one that has 100,000, in turns."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from backend.core.db.engine import Database
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from benchmarks.growth_data import Size, create, fill, running_server
from benchmarks.numbers import Measurement, percentile

LATER: Final = 100_000
TURNS: Final = 40
EACH: Final = 25
WARM_UP: Final = 200
LIMITED_BY: Final = "rows that are further apart: the larger database does not fit into the shared buffers"


@dataclass(slots=True)
class Measured:
    """One database, and how long each end took in it, in seconds."""

    later: int
    database: Database
    ends: list[float] = field(default_factory=list)


def measure() -> Measurement:
    """Fill both, then measure a little in each, over and over, so that both see the same machine."""
    with running_server() as server_url:
        without, beside = asyncio.run(_measured(server_url))
    ratio = percentile(beside.ends, 0.95) / percentile(without.ends, 0.95)
    return Measurement(
        "N14",
        f"job ended, and the next of its project admitted, with {LATER:,} jobs of the project for later, over none",
        "p95 ≤ 1.2 ×",
        f"{ratio:.2f} × (p95 {_p95_ms(beside)} against {_p95_ms(without)})",
        ratio <= 1.2,
        LIMITED_BY,
    )


async def _measured(server_url: str) -> list[Measured]:
    both = []
    for later in (0, LATER):
        url = await asyncio.to_thread(create, server_url, f"later_{later}")
        await asyncio.to_thread(fill, url, Size(projects=1, parked=2_000, finished=1_000, later=later))
        both.append(Measured(later, Database(url, pool_size=2)))
    try:
        for one in both:
            await _turn(one, WARM_UP)
            one.ends.clear()
        for _ in range(TURNS):
            for one in both:
                await _turn(one, EACH)
    finally:
        for one in both:
            await one.database.close()
    return both


async def _turn(measured: Measured, times: int) -> None:
    worker_id = uuid4()
    for _ in range(times):
        async with measured.database.single() as session:
            (job,) = await claim(session, worker_id=worker_id, lane="default", limit=1)
        began = time.perf_counter()
        async with measured.database.single() as session:
            await finish(session, job, AttemptResult("succeeded", result={"n": 1}))
        measured.ends.append(time.perf_counter() - began)


def _p95_ms(measured: Measured) -> str:
    return f"{percentile(measured.ends, 0.95) * 1000:.1f} ms"
