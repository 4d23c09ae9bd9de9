"""N14: the write-ahead log and the calls of `fsync` that a no-op job causes, alone and with others."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from typing import Final

import psycopg

from backend.config import Settings
from backend.embedded import attach
from benchmarks import wal
from benchmarks.client import Client
from benchmarks.instance import deploy_noop, instance
from benchmarks.measurement import Measurement, at_most
from benchmarks.numbers import report_progress
from benchmarks.wal import Wal

SERIAL_JOBS: Final = 300
CONCURRENCY: Final = 8
JOBS_OF_CLIENT: Final = 100
WARM_UP: Final = 400
METHOD: Final = (
    f"Each round runs {SERIAL_JOBS} jobs one after another, then {CONCURRENCY} clients with {JOBS_OF_CLIENT} "
    "jobs each, which wait for every result. Bytes are `pg_stat_wal.wal_bytes`, fsyncs are `pg_stat_io.fsyncs` "
    "for WAL (PostgreSQL 18) or `pg_stat_wal.wal_sync` (15 to 17), of the whole server, read after all "
    "connections have reported. What the idle instance writes in the same time is subtracted. Copies of whole "
    "pages after a checkpoint are included"
)


def measure(rounds: int) -> Measurement:
    """Measure the idle instance first, then both kinds of load alternately."""
    with ExitStack() as stack:
        running = stack.enter_context(instance())
        clients = [stack.enter_context(running.client()) for _ in range(CONCURRENCY)]
        deploy_noop(clients[0], runs=WARM_UP)
        url = attach(Settings(home=running.home)).database_url
        connection = stack.enter_context(psycopg.connect(url, autocommit=True))
        threads = stack.enter_context(ThreadPoolExecutor(CONCURRENCY))
        before = wal.read(connection)
        idle = wal.read(connection).since(before)
        serial, parallel = [], []
        for _ in range(rounds):
            before = wal.read(connection)
            _run_jobs(clients[0], SERIAL_JOBS)
            between = wal.read(connection)
            list(threads.map(_run_jobs, clients, [JOBS_OF_CLIENT] * CONCURRENCY))
            after = wal.read(connection)
            serial.append(between.since(before).per_job(SERIAL_JOBS, idle))
            parallel.append(after.since(between).per_job(CONCURRENCY * JOBS_OF_CLIENT, idle))
            report_progress(f"N14 serial {serial[-1]}, at {CONCURRENCY} {parallel[-1]}")
        version = connection.info.server_version // 10_000
    kilobytes = _median([each.bytes / 1000 for each in serial])
    records, full_pages = (
        _median([getattr(each, name) for each in serial]) for name in ("records", "full_pages")
    )
    detail = f"{records:.0f} records, {full_pages:.2f} whole pages, PostgreSQL {version}"
    of_parallel = f"{_median([each.bytes / 1000 for each in parallel]):.2f} kB"
    return Measurement(
        "N14",
        (
            at_most("bytes", "WAL per serial job", kilobytes, 4, "kB", detail=detail),
            at_most(
                "fsyncs", "fsyncs per serial job", _median([each.fsyncs for each in serial]), 2, "fsyncs"
            ),
            at_most(
                "fsyncs-parallel",
                f"fsyncs per job with {CONCURRENCY} at the same time",
                _median([each.fsyncs for each in parallel]),
                0.5,
                "fsyncs",
                detail=of_parallel,
            ),
        ),
        {"idle": asdict(idle), "serial": _raw(serial), "parallel": _raw(parallel)},
        METHOD,
    )


def _run_jobs(client: Client, jobs: int) -> None:
    for n in range(jobs):
        if client.run("noop", {"n": n})["result"] != {"n": n}:
            raise RuntimeError("a job failed")


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


def _raw(values: Sequence[Wal]) -> list[dict[str, float]]:
    return [asdict(each) for each in values]
