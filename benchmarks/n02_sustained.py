"""N2: no-op jobs without a pause, compared with procrastinate and Celery on the same servers, in alternating rounds."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Final, NamedTuple

import psycopg

from backend.config import Settings
from backend.embedded import attach
from benchmarks import cpu
from benchmarks.instance import Running, deploy_noop, instance
from benchmarks.measurement import Measurement, Row, at_least
from benchmarks.numbers import alternate, median_ratio, report_progress
from benchmarks.peers import queues

JOBS: Final = 1_400
PEER_JOBS: Final = {"process": 400, "no-op": 2_000, "Celery": 3_000}
"""About three seconds of work each, as the jobs of the instance: start and end of a burst count the same for all."""
PROJECTS: Final = 8
CONNECTIONS: Final = 8
WARM_UP: Final = 20
_SUCCEEDED: Final = "select count(*) from jobs where status = 'succeeded'"
METHOD: Final = (
    f"Each round submits jobs of one project on {CONNECTIONS} connections, of {PROJECTS} projects on one "
    "connection each, and of each peer with the same concurrency, until all have ended, about three seconds "
    "each. Clients run in a separate process that is connected before the clock starts. procrastinate uses the "
    "same PostgreSQL, once with one `python -I -c pass` per job; neither variant has isolation, HTTP, results "
    "or bills. Celery (prefork, 8 processes, results stored, `acks_late`) uses the same Valkey, whose "
    "append-only file is flushed once a second: unlike the others, it can lose a second of acknowledged jobs "
    "when the host fails. Its processes run many jobs without isolation, and it has no HTTP, no bills, and no "
    "transaction for a result with the end of its job. CPU-ms per job are those of the instance. The goal "
    "in jobs/s refers to the host of the first measurements (170 to 180 jobs/s)"
)


class Burst(NamedTuple):
    """One burst of jobs."""

    rate: float
    cpu_ms: dict[str, float]
    """CPU time per job by stage."""


def measure(rounds: int) -> Measurement:
    """Measure all variants alternately, so that the conditions are equal."""
    with ExitStack() as stack:
        running = stack.enter_context(instance())
        keys = _prepare(running)
        servers = attach(Settings(home=running.home))
        connection = stack.enter_context(psycopg.connect(servers.database_url, autocommit=True))
        procrastinate = stack.enter_context(queues.procrastinate(running.home, servers.database_url))
        celery = stack.enter_context(queues.celery(running.home, servers.redis_url))
        one, process, many, no_op, prefork = alternate(
            rounds,
            lambda: _burst(running, connection, keys[:1]),
            _peer("process", lambda jobs: procrastinate.rate("process", jobs)),
            lambda: _burst(running, connection, keys),
            _peer("no-op", lambda jobs: procrastinate.rate("noop", jobs)),
            _peer("Celery", celery.rate),
        )
    peers = {
        name: [burst.rate for burst in side]
        for name, side in (("process", process), ("no-op", no_op), ("Celery", prefork))
    }
    rows = [*_rows("one", "one project", one, peers), *_rows("eight", "eight projects", many, peers)]
    raw = {"one_project": one, "eight_projects": many, "peer_jobs_per_s": peers}
    return Measurement("N2", tuple(rows), raw, METHOD)


def _prepare(running: Running) -> list[str]:
    """Deploy the skill in each project, run it there, and return the API keys."""
    keys = [running.api_key, *(running.add_project() for _ in range(PROJECTS - 1))]
    for key in keys:
        with running.client(key) as client:
            deploy_noop(client, runs=WARM_UP)
    return keys


def _burst(running: Running, connection: psycopg.Connection, keys: Sequence[str]) -> Burst:
    succeeded = queues.scalar(connection, _SUCCEEDED)
    before = cpu.by_stage(running.process.pid, running.home)
    rate = queues.rate_of_instance(running, connection, keys, JOBS, CONNECTIONS)
    spent_ms = cpu.per_job_ms(before, cpu.by_stage(running.process.pid, running.home), JOBS)
    if queues.scalar(connection, _SUCCEEDED) != succeeded + JOBS:
        raise RuntimeError("jobs of the instance have failed")
    report_progress(f"N2 {rate:.0f} jobs/s, projects: {len(keys)}")
    return Burst(rate, spent_ms)


def _peer(name: str, rate_of: Callable[[int], float]) -> Callable[[], Burst]:
    def measured() -> Burst:
        rate = rate_of(PEER_JOBS[name])
        report_progress(f"N2 {rate:.0f} jobs/s, {name}")
        return Burst(rate, {})

    return measured


def _rows(key: str, what: str, bursts: Sequence[Burst], peers: dict[str, list[float]]) -> list[Row]:
    ours = [burst.rate for burst in bursts]
    stages = {
        name: statistics.median(burst.cpu_ms.get(name, 0.0) for burst in bursts) for name in bursts[0].cpu_ms
    }
    ordered = sorted(stages.items(), key=lambda stage: -stage[1])
    spent = ", ".join(f"{name} {ms:.2f}" for name, ms in ordered if ms >= 0.01)

    def against(name: str, label: str, limit: float) -> Row:
        detail = f"{statistics.median(ours):.0f} against {statistics.median(peers[name]):.0f} jobs/s"
        ratio = median_ratio(ours, peers[name])
        return at_least(f"{key}-{name}", f"{what}, against {label}", ratio, limit, "×", detail=detail)

    return [
        against("process", "procrastinate with one subprocess per job", 3),
        against("no-op", "procrastinate's no-op", 0.6),
        against("Celery", "Celery prefork, without isolation", 1),
        at_least(
            f"{key}-rate",
            f"{what}, sustained no-op jobs over REST",
            statistics.median(ours),
            300,
            "jobs/s",
            detail=f"CPU-ms per job: {spent}",
        ),
    ]
