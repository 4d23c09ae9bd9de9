"""N14: finishing jobs of a project without and with 100,000 jobs for later, measured alternately."""

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
LIMITED_BY: Final = "rows are further apart, and the larger database does not fit into the shared buffers"


@dataclass(slots=True)
class Measured:
    """One database, with the times to finish a job in it, in seconds."""

    later: int
    database: Database
    ends: list[float] = field(default_factory=list)


def measure() -> Measurement:
    """Fill both databases, then measure them alternately in small steps, so that the conditions are equal."""
    with running_server() as server_url:
        without, with_later = asyncio.run(_measured(server_url))
    ratio = percentile(with_later.ends, 0.95) / percentile(without.ends, 0.95)
    return Measurement(
        "N14",
        f"finish of a job with admission of the next one, with {LATER:,} jobs of the project for later, compared with "
        "none",
        "p95 ≤ 1.2 ×",
        f"{ratio:.2f} × (p95 {_p95_ms(with_later)} against {_p95_ms(without)})",
        ratio <= 1.2,
        LIMITED_BY,
    )


async def _measured(server_url: str) -> list[Measured]:
    both = []
    for later in (0, LATER):
        url = await asyncio.to_thread(create, server_url, f"later_{later}")
        await asyncio.to_thread(fill, url, Size(projects=1, pending=2_000, finished=1_000, later=later))
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
