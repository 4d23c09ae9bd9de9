"""N4: concurrent agents in one worker process, each in the middle of a reply after some turns."""

from __future__ import annotations

import time
from typing import Any, Final

import psycopg

from backend.config import Settings
from backend.embedded import attach
from benchmarks.client import Client
from benchmarks.instance import Running, instance
from benchmarks.measurement import Measurement, Row
from benchmarks.memory import pss_kb
from benchmarks.numbers import report_progress
from benchmarks.upstream import SKILL, Upstream, upstream

AGENTS: Final = 500
STEPS: Final = 7
HELD_STEP: Final = 6
TIMEOUT_S: Final = 240.0
_WORKER: Final = "select pid from workers where not stopping order by beat_at desc limit 1"


def measure(_rounds: int) -> Measurement:
    """Hold every run at the same step, measure the process, and let all runs finish."""
    with upstream(steps=STEPS, hold=HELD_STEP) as server:
        settings: dict[str, Any] = {"PURAS_WORKER_PROCESSES": "1", "PURAS_WORKER_JOBS": str(AGENTS)}
        with instance(None, **server.settings(), **settings) as running, running.client() as client:
            client.push(SKILL)
            pid = _raise_limit(running)
            idle_mb = pss_kb(pid) / 1024
            began = time.monotonic()
            job_ids = [client.submit("turns", topic=f"t{n}") for n in range(AGENTS)]
            _until_held(server)
            held_after_s = time.monotonic() - began
            full_mb = pss_kb(pid) / 1024
            server.release()
            _until_ended(client, job_ids)
            took_s = time.monotonic() - began
    report_progress(
        f"N4 all agents were at step {HELD_STEP} after {held_after_s:.0f} s; {AGENTS * STEPS} turns in {took_s:.0f} s"
    )
    each_kb = (full_mb - idle_mb) * 1024 / AGENTS
    return Measurement(
        "N4",
        (
            Row(
                "all",
                f"concurrent agents in one worker process, each in a reply after {HELD_STEP - 1} turns",
                f"{AGENTS} in ≤ 1 GB",
                f"{AGENTS} in {full_mb:.0f} MB PSS: {idle_mb:.0f} MB idle and {each_kb:.0f} kB for each",
                full_mb <= 1024,
            ),
        ),
        {"idle_mb": idle_mb, "full_mb": full_mb, "held_after_s": held_after_s, "took_s": took_s},
    )


def _raise_limit(running: Running) -> int:
    """Raise the concurrency limit of the project, and return the process ID of the worker."""
    with psycopg.connect(attach(Settings(home=running.home)).database_url, autocommit=True) as connection:
        connection.execute("update admissions set concurrency_limit = %s", (AGENTS,))
        found = connection.execute(_WORKER).fetchone()
    if found is None:
        raise RuntimeError("there is no worker")
    return int(found[0])


def _until_held(server: Upstream) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while (held := sum(one.step == HELD_STEP for one in server.requests())) < AGENTS:
        if time.monotonic() > deadline:
            raise RuntimeError(f"after {TIMEOUT_S:.0f} s {held} agents were at step {HELD_STEP}")
        time.sleep(0.5)


def _until_ended(client: Client, job_ids: list[str]) -> None:
    for job_id in job_ids:
        job = client.call("GET", f"/v1/jobs/{job_id}?wait=true&timeout=55")
        if (job["status"], job["steps"], job["attempt"]) != ("succeeded", STEPS, 1):
            raise RuntimeError(f"an agent failed: {job}")
