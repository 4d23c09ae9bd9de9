"""N15: CPU time of the API process per submitted job, compared with a minimal FastAPI route."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import psycopg

from backend.config import Settings
from backend.embedded import attach
from benchmarks import cpu
from benchmarks.clients import connected
from benchmarks.instance import Running, deploy_noop, free_port, instance, wait_ready
from benchmarks.measurement import Measurement, at_most
from benchmarks.numbers import alternate, median_ratio, report_progress
from benchmarks.peers import queues
from benchmarks.temporary import marked

JOBS: Final = 1_000
PEER_REQUESTS: Final = 5_000
"""More, since each costs little and the system counts CPU time in steps of 10 ms."""
CONNECTIONS: Final = 8
WARM_UP: Final = 50
STAGE: Final = "API"
METHOD: Final = (
    f"Each round submits {JOBS:,} jobs without waiting for results, then {PEER_REQUESTS:,} equal requests to the "
    f"minimal route, on {CONNECTIONS} connections of a separate process. CPU time is that of the API process "
    "(`/proc/PID/stat`, user and system) until all jobs have ended; workers, sandboxes and PostgreSQL are not "
    "included. The peer parses and returns the same body, without authentication, database or validation of "
    "inputs"
)


def measure(rounds: int) -> Measurement:
    """Measure API and minimal route alternately."""
    with ExitStack() as stack:
        running = stack.enter_context(instance())
        with running.client() as client:
            deploy_noop(client, runs=WARM_UP)
        url = attach(Settings(home=running.home)).database_url
        connection = stack.enter_context(psycopg.connect(url, autocommit=True))
        peer_pid, peer_port = stack.enter_context(_minimal_api(running.home))
        _peer_ms(running, peer_pid, peer_port)
        ours, peers = alternate(
            rounds,
            lambda: _api_ms(running, connection),
            lambda: _peer_ms(running, peer_pid, peer_port),
        )
    detail = f"{statistics.median(ours):.2f} against {statistics.median(peers):.3f} CPU-ms"
    ratio = median_ratio(ours, peers)
    what = "CPU of the API per submitted job, against a minimal FastAPI route"
    return Measurement(
        "N15",
        (at_most("cpu", what, ratio, 5, "×", detail=detail),),
        {"cpu_ms": ours, "peer_cpu_ms": peers},
        METHOD,
    )


def _api_ms(running: Running, connection: psycopg.Connection) -> float:
    before = cpu.by_stage(running.process.pid, running.home)
    queues.rate_of_instance(running, connection, [running.api_key], JOBS, CONNECTIONS)
    spent_ms = cpu.per_job_ms(before, cpu.by_stage(running.process.pid, running.home), JOBS)[STAGE]
    report_progress(f"N15 {spent_ms:.2f} CPU-ms per submitted job")
    return spent_ms


def _peer_ms(running: Running, pid: int, port: int) -> float:
    before = cpu.of_process(pid)
    load = (str(port), "key", str(PEER_REQUESTS), str(CONNECTIONS))
    with connected(running.home, "load", *load) as clients:
        clients.submit_all()
    spent_ms = (cpu.of_process(pid) - before) * 1000 / PEER_REQUESTS
    report_progress(f"N15 {spent_ms:.3f} CPU-ms per request of the minimal route")
    return spent_ms


@contextmanager
def _minimal_api(home: Path) -> Iterator[tuple[int, int]]:
    """Run the minimal route, and return its process ID and its port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.peers.minimal_api", str(port)]
    with subprocess.Popen(command, env=marked(home)) as process:
        try:
            wait_ready(port, process, home / "log", "/docs")
            yield process.pid, port
        finally:
            process.terminate()
