"""N5: claiming and listing jobs with a thousand and with a million jobs, measured alternately."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from backend.core.db.engine import Database
from backend.execution.jobs import queries
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.queries import JobFilter
from backend.identity.auth.principal import Principal, Role
from benchmarks.growth_data import Size, create, fill, running_server
from benchmarks.numbers import Measurement, percentile, report_progress

SIZES: Final = (
    Size(projects=10, pending=100, finished=1_000),
    Size(projects=100, pending=1_000, finished=10_000),
    Size(projects=1_000, pending=10_000, finished=100_000),
    Size(projects=1_000, pending=100_000, finished=1_000_000),
)
TURNS: Final = 40
EACH: Final = 25
WARM_UP: Final = 200
FIGURE: Final = Path(__file__).parent / "growth.svg"
LIMITED_BY: Final = "rows are further apart, and the larger database does not fit into the shared buffers"


@dataclass(slots=True)
class SizedDatabase:
    """One database, with the times that were measured in it, in seconds."""

    size: Size
    database: Database
    projects: list[UUID]
    claims: list[float] = field(default_factory=list)
    lists: list[float] = field(default_factory=list)


def measure() -> Measurement:
    """Fill all databases, then measure them alternately in small steps, so that the conditions are equal."""
    with running_server() as server_url:
        measured = asyncio.run(_measured(server_url))
    _draw(measured)
    small, large = measured[0], measured[-1]
    claims = percentile(large.claims, 0.95) / percentile(small.claims, 0.95)
    lists = percentile(large.lists, 0.95) / percentile(small.lists, 0.95)
    return Measurement(
        "N5",
        "claim and list with 1,000,000 finished and 100,000 pending jobs of 1,000 projects, compared with 1,000 jobs "
        f"([curves]({FIGURE.name}))",
        "p95 ≤ 1.2 ×",
        f"claim {claims:.2f} × ({_p95_ms(large.claims)}), list {lists:.2f} × ({_p95_ms(large.lists)})",
        claims <= 1.2 and lists <= 1.2,
        LIMITED_BY,
    )


async def _measured(server_url: str) -> list[SizedDatabase]:
    grown = []
    for size in SIZES:
        began = time.monotonic()
        url = await asyncio.to_thread(create, server_url, f"grown_{size.finished}")
        projects = await asyncio.to_thread(fill, url, size)
        grown.append(SizedDatabase(size, Database(url, pool_size=2), projects))
        report_progress(f"N5 filled {size.finished:,} finished jobs in {time.monotonic() - began:.0f} s")
    async with _closed(grown):
        for one in grown:
            await _turn(one, WARM_UP)
            one.claims.clear()
            one.lists.clear()
        for _ in range(TURNS):
            for one in grown:
                await _turn(one, EACH)
    return grown


@asynccontextmanager
async def _closed(grown: list[SizedDatabase]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for one in grown:
            await one.database.close()


async def _turn(grown: SizedDatabase, times: int) -> None:
    """Claim and finish jobs, which admits the next ones; list jobs as the API does."""
    worker_id = uuid4()
    for _ in range(times):
        began = time.perf_counter()
        async with grown.database.single() as session:
            jobs = await claim(session, worker_id=worker_id, lane="default", limit=1)
        grown.claims.append(time.perf_counter() - began)
        if not jobs:
            raise RuntimeError(f"no job was ready among {grown.size.pending:,} pending jobs")
        async with grown.database.single() as session:
            await finish(session, jobs[0], AttemptResult("succeeded", result={"n": 1}))
    for project_id in random.choices(grown.projects, k=times):
        principal = Principal("secret_key", uuid4(), project_id, "key:bench", Role.OWNER)
        began = time.perf_counter()
        async with grown.database.transaction() as read:
            await queries.list_jobs(read, principal, filters=JobFilter(), limit=26, below=None)
        grown.lists.append(time.perf_counter() - began)


def _p95_ms(values: list[float]) -> str:
    return f"{percentile(values, 0.95) * 1000:.1f} ms"


def _draw(measured: list[SizedDatabase]) -> None:
    """Draw the growth curves into a file of a few kilobytes."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "puras"})
    figure, axes = pyplot.subplots(figsize=(6, 3))
    finished = [one.size.finished for one in measured]
    for label, of in (("claim", "claims"), ("list", "lists")):
        for share, style in ((0.5, "--"), (0.95, "-")):
            values = [percentile(getattr(one, of), share) * 1000 for one in measured]
            axes.plot(finished, values, style, marker="o", label=f"{label} p{share * 100:.0f}")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("finished jobs (a tenth as many pending)")
    axes.set_ylabel("ms")
    axes.legend()
    figure.tight_layout()
    figure.savefig(FIGURE, metadata={"Date": None})
