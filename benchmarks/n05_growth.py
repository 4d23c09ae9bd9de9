"""N5: submitting, claiming, finishing and listing jobs in databases of different sizes, measured alternately."""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID, uuid4

from backend.core.db.engine import Database
from backend.execution.jobs import queries
from backend.execution.jobs.attempts.claim import claim
from backend.execution.jobs.attempts.finish import AttemptResult, finish
from backend.execution.jobs.queries import JobFilter
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.identity.auth.principal import Principal, Role
from benchmarks import growth_chart
from benchmarks.growth_data import READY, Size, create, fill, running_server
from benchmarks.measurement import Measurement, Row, at_most
from benchmarks.numbers import median_ratio, percentile, report_progress
from benchmarks.results_table import MIN_STORED_ROUNDS

EMPTY: Final = Size(projects=10, pending=100, finished=0)
FULL: Final = Size(projects=1_000, pending=100_000, finished=1_000_000, later=100_000)
ONE: Final = Size(projects=1, pending=2_000, finished=0)
ONE_WITH_LATER: Final = Size(projects=1, pending=2_000, finished=0, later=100_000)
BETWEEN: Final = (
    Size(projects=100, pending=1_000, finished=10_000, later=1_000),
    Size(projects=1_000, pending=10_000, finished=100_000, later=10_000),
)
"""Sizes that only the chart shows."""
OPERATIONS: Final = ("submit", "claim", "finish", "list")
TURNS_OF_ROUND: Final = 8
EACH: Final = 25
WARM_UP: Final = 200
METHOD: Final = (
    "Each project has submitted a job before, since the first one after a start parses the manifest of its "
    f"deployment. Each round has {TURNS_OF_ROUND} turns; each turn runs {EACH} operations of each kind in each "
    "database, through the functions that API and workers call. The ratio is the median of the ratios of p95 in each "
    f"round. Every database has {READY:,} ready jobs, so that there is always one to claim, and pending jobs, so "
    "that every finish admits the next one; the empty one has no others. One project with 100,000 future-dated "
    "jobs of a higher priority is compared with the same project without them"
)


@dataclass(slots=True)
class SizedDatabase:
    """One database, with the times that were measured in it."""

    size: Size
    database: Database
    projects: list[UUID]
    times_s: dict[str, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    """By operation, a list for each round."""

    def p95_ms(self, operation: str) -> list[float]:
        """Return the p95 of each round."""
        return [percentile(times, 0.95) * 1000 for times in self.times_s[operation]]

    def p50_ms(self, operation: str) -> list[float]:
        """Return the p50 of each round."""
        return [statistics.median(times) * 1000 for times in self.times_s[operation]]


def measure(rounds: int) -> Measurement:
    """Fill all databases, then measure them alternately in small steps, so that the conditions are equal."""
    with running_server() as server_url:
        measured = asyncio.run(_measured(server_url, rounds))
    if rounds >= MIN_STORED_ROUNDS:
        _draw([measured[size] for size in (EMPTY, *BETWEEN, FULL)])
    full = "1,000,000 finished, 100,000 pending and 100,000 future-dated jobs of 1,000 projects"
    rows = [
        _row(
            operation, f"{operation} with {full}, against an empty database", measured[FULL], measured[EMPTY]
        )
        for operation in OPERATIONS
    ]
    later = (
        "finish and admission of the next job, with 100,000 future-dated jobs of the project, against none"
    )
    rows.append(_row("finish", later, measured[ONE_WITH_LATER], measured[ONE], key="finish-later"))
    raw = {
        name: {f"{operation}_p95_ms": measured[size].p95_ms(operation) for operation in OPERATIONS}
        for name, size in (("empty", EMPTY), ("full", FULL), ("one", ONE), ("one_with_later", ONE_WITH_LATER))
    }
    return Measurement("N5", tuple(rows), raw, f"{METHOD} ([curves]({growth_chart.FIGURE.name}))")


def _draw(grown: Sequence[SizedDatabase]) -> None:
    median = statistics.median
    times_ms = {
        operation: [(median(one.p50_ms(operation)), median(one.p95_ms(operation))) for one in grown]
        for operation in OPERATIONS
    }
    growth_chart.draw([one.size.finished for one in grown], times_ms)


def _row(operation: str, what: str, large: SizedDatabase, small: SizedDatabase, *, key: str = "") -> Row:
    of_large, of_small = large.p95_ms(operation), small.p95_ms(operation)
    detail = f"p95 {statistics.median(of_large):.1f} against {statistics.median(of_small):.1f} ms"
    return at_most(key or operation, what, median_ratio(of_large, of_small), 1.2, "×", detail=detail)


async def _measured(server_url: str, rounds: int) -> dict[Size, SizedDatabase]:
    async with AsyncExitStack() as stack:
        databases = {
            size: await stack.enter_async_context(_filled(server_url, size))
            for size in (EMPTY, *BETWEEN, FULL, ONE, ONE_WITH_LATER)
        }
        for one in databases.values():
            await _turn(one, [*one.projects, *random.choices(one.projects, k=WARM_UP)])
        for at in range(rounds):
            turns = {size: [await _turn(one, _chosen(one))] for size, one in databases.items()}
            for _ in range(TURNS_OF_ROUND - 1):
                for size, one in databases.items():
                    turns[size].append(await _turn(one, _chosen(one)))
            for size, one in databases.items():
                for operation in OPERATIONS:
                    one.times_s[operation].append([s for turn in turns[size] for s in turn[operation]])
            report_progress(f"N5 round {at + 1} of {rounds}")
    return databases


@asynccontextmanager
async def _filled(server_url: str, size: Size) -> AsyncIterator[SizedDatabase]:
    began = time.monotonic()
    name = "_".join(f"{number}" for number in ("size", *size))
    url = await asyncio.to_thread(create, server_url, name)
    projects = await asyncio.to_thread(fill, url, size)
    report_progress(f"N5 filled {size} in {time.monotonic() - began:.0f} s")
    database = Database(url, pool_size=2)
    try:
        yield SizedDatabase(size, database, projects)
    finally:
        await database.close()


def _chosen(grown: SizedDatabase) -> list[UUID]:
    return random.choices(grown.projects, k=EACH)


async def _turn(grown: SizedDatabase, projects: Sequence[UUID]) -> dict[str, list[float]]:
    """Run each operation in each of these projects, and return the seconds that each took."""
    principals = [_principal(project_id) for project_id in projects]
    took: dict[str, list[float]] = {operation: [] for operation in OPERATIONS}
    worker_id = uuid4()
    for principal in principals:
        began = time.perf_counter()
        async with grown.database.single() as session:
            await submit(session, principal, JobSpec(JobCreate(skill="noop", inputs={"n": 1})))
        took["submit"].append(time.perf_counter() - began)
        began = time.perf_counter()
        async with grown.database.single() as session:
            jobs = await claim(session, worker_id=worker_id, lane="default", limit=1)
        took["claim"].append(time.perf_counter() - began)
        if not jobs:
            raise RuntimeError(f"no job was ready among {grown.size.pending:,} pending jobs")
        began = time.perf_counter()
        async with grown.database.single() as session:
            await finish(session, jobs[0], AttemptResult("succeeded", result={"n": 1}))
        took["finish"].append(time.perf_counter() - began)
        began = time.perf_counter()
        async with grown.database.transaction() as read:
            await queries.list_jobs(read, principal, filters=JobFilter(), limit=26)
        took["list"].append(time.perf_counter() - began)
    return took


def _principal(project_id: UUID) -> Principal:
    return Principal("secret_key", uuid4(), project_id, "key:bench", Role.OWNER)
