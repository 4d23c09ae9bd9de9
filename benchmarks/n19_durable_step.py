"""N19: the time that each durable step adds to a function, compared with a step of a DBOS workflow."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final
from urllib.parse import urlsplit

import psycopg

from backend.config import Settings
from backend.embedded import attach
from benchmarks.client import Client
from benchmarks.instance import instance
from benchmarks.measurement import Measurement, at_most
from benchmarks.numbers import alternate, median_ratio, report_progress

STEPS: Final = 500
DATABASE: Final = "dbos_benchmark"
SKILL: Final = {
    "skills/steps/skill.yaml": b"""\
entrypoint: main.py:run
description: Runs durable steps that do nothing, and returns the seconds that they took.
input_schema: {type: object, properties: {steps: {type: integer}}}
output_schema: {type: object}
""",
    "skills/steps/main.py": b"""\
import time

from puras import step


def noop(n):
    return {"n": n}


def run(steps):
    began = time.perf_counter()
    for n in range(steps):
        step("noop", noop, n)
    return {"seconds": time.perf_counter() - began}
""",
}
METHOD: Final = (
    f"Each round runs a job and a DBOS workflow with {STEPS} steps that return a small object, one after another. Both "
    "measure the time in their own process and use the same PostgreSQL server, with `fsync` and `synchronous_commit` "
    "on; each step is committed before the next one starts. The job runs in its sandbox, and its worker stores the "
    "steps and two events for each; DBOS stores them from the process of the workflow"
)


def measure(rounds: int) -> Measurement:
    """Measure both sides alternately."""
    with ExitStack() as stack:
        running = stack.enter_context(instance())
        client = stack.enter_context(running.client())
        client.push(SKILL)
        url = attach(Settings(home=running.home)).database_url
        peer = stack.enter_context(_dbos(url))
        _job_ms(client)
        _peer_ms(peer)
        ours, peers = alternate(rounds, lambda: _job_ms(client), lambda: _peer_ms(peer))
    detail = f"{statistics.median(ours):.2f} against {statistics.median(peers):.2f} ms per step"
    return Measurement(
        "N19",
        (
            at_most(
                "step",
                "a durable step, against a step of DBOS",
                median_ratio(ours, peers),
                1.5,
                "×",
                detail=detail,
            ),
        ),
        {"ours_ms": ours, "dbos_ms": peers},
        METHOD,
    )


def _job_ms(client: Client) -> float:
    job = client.run("steps", {"steps": STEPS})
    result = job["result"]
    if not isinstance(result, dict):
        raise RuntimeError(f"the job did not succeed: {job}")
    took = float(result["seconds"]) / STEPS * 1000
    report_progress(f"N19 {took:.2f} ms per step of a job")
    return took


def _peer_ms(peer: subprocess.Popen[str]) -> float:
    if peer.stdin is None or peer.stdout is None:
        raise RuntimeError("the peer has no pipes")
    peer.stdin.write("run\n")
    peer.stdin.flush()
    took = float(peer.stdout.readline()) / STEPS * 1000
    report_progress(f"N19 {took:.2f} ms per step of DBOS")
    return took


@contextmanager
def _dbos(database_url: str) -> Iterator[subprocess.Popen[str]]:
    """Start DBOS with a database of its own on the same server."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f'create database "{DATABASE}"')
    url = urlsplit(database_url)._replace(path=f"/{DATABASE}").geturl()
    command = [sys.executable, "-m", "benchmarks.peers.dbos_steps", url, str(STEPS)]
    peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield peer
    finally:
        peer.kill()
        peer.wait()
