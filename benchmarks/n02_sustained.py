"""N2: no-op jobs without a pause, compared with procrastinate on the same PostgreSQL, measured alternately."""

from __future__ import annotations

import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import psycopg

from backend.config import Settings
from backend.embedded import attach
from benchmarks import cpu
from benchmarks.instance import NOOP_SKILL, Running, instance
from benchmarks.numbers import Measurement, report_progress

TURNS: Final = 3
JOBS: Final = 1_000
PEER_JOBS: Final = {"process": 300, "noop": 1_500}
CONNECTIONS: Final = 8
MAX_S: Final = 120.0
PEER_DATABASE: Final = "procrastinate"
LIMITED_BY: Final = "the CPU of the stages in the measured column; clients share the two cores"


class Turn(NamedTuple):
    """Jobs per second of one turn, and the CPU time per job of this project."""

    ours: float
    process: float
    noop: float
    cpu_ms: Counter[str]


def measure() -> Measurement:
    """Measure all variants alternately, so that the conditions are equal."""
    with instance() as running, running.client() as client:
        client.push(NOOP_SKILL)
        for n in range(20):
            client.run("noop", {"n": n})
        database_url = attach(Settings(home=running.home)).database_url
        with _peer(database_url) as peer_url:
            turns = [_turn(running, database_url, peer_url) for _ in range(TURNS)]
    ours, process, noop = (statistics.median(turn[at] for turn in turns) for at in range(3))
    stages = {
        name: statistics.median(turn.cpu_ms[name] for turn in turns)
        for name, _ in turns[0].cpu_ms.most_common()
    }
    spent = ", ".join(f"{name} {ms:.2f}" for name, ms in stages.items() if ms >= 0.01)
    return Measurement(
        "N2",
        "sustained no-op jobs over REST on two cores, clients in a separate process",
        "≥ 3 × procrastinate with one subprocess per job; ≥ 0.6 × its no-op submit + run",
        f"{ours / process:.2f} × and {ours / noop:.2f} × ({ours:.0f} jobs/s against {process:.0f} and {noop:.0f}); "
        f"CPU-ms per job: {spent}",
        ours >= 3 * process and ours >= 0.6 * noop,
        LIMITED_BY,
    )


def _turn(running: Running, database_url: str, peer_url: str) -> Turn:
    before = cpu.by_stage(running.process.pid, running.home)
    load = ("benchmarks.load", str(running.port), running.api_key, str(JOBS), str(CONNECTIONS))
    ours = _rate(load, JOBS, database_url, "select count(*) from jobs where status = 'succeeded'")
    spent = cpu.by_stage(running.process.pid, running.home)
    spent.subtract(before)
    peers = {}
    for task, jobs in PEER_JOBS.items():
        command = ("benchmarks.peer", peer_url, "defer", task, str(jobs))
        succeeded = "select count(*) from procrastinate_jobs where status = 'succeeded'"
        peers[task] = _rate(command, jobs, peer_url, succeeded)
    turn = Turn(ours, **peers, cpu_ms=Counter({name: s * 1000 / JOBS for name, s in spent.items()}))
    report_progress(
        f"N2 {turn.ours:.0f} jobs/s; peer: {turn.process:.0f} with one process per job, {turn.noop:.0f} no-op"
    )
    return turn


def _rate(command: tuple[str, ...], jobs: int, database_url: str, count: str) -> float:
    """Return the jobs per second, from the start of the clients until the last job has succeeded."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        goal = _number(connection, count) + jobs
        clients = subprocess.Popen([sys.executable, "-m", *command])
        began, reached = time.monotonic(), 0
        while reached < goal and time.monotonic() - began < MAX_S:
            if clients.poll():
                raise RuntimeError(f"the clients ended with exit code {clients.returncode}: {command[0]}")
            time.sleep(0.05)
            reached = _number(connection, count)
        took_s = time.monotonic() - began
        clients.wait(MAX_S)
    if reached < goal:
        raise RuntimeError(f"{goal - reached} of {jobs} jobs have not ended after {MAX_S} s: {command[0]}")
    return jobs / took_s


def _number(connection: psycopg.Connection, count: str) -> int:
    row = connection.execute(count).fetchone()
    return int(row[0]) if row else 0


@contextmanager
def _peer(database_url: str) -> Iterator[str]:
    """Create a separate database of the peer on the same server, and run the worker of the peer."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database {PEER_DATABASE}")
    peer_url = urlsplit(database_url)._replace(path=f"/{PEER_DATABASE}").geturl()
    command = [sys.executable, "-m", "benchmarks.peer", peer_url]
    subprocess.run([*command, "prepare"], check=True, timeout=60)
    worker = subprocess.Popen([*command, "work"])
    try:
        yield peer_url
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
