"""N10: the time from the loss of a worker process until its job runs in another one."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime

import psycopg

from backend.config import Settings
from backend.embedded import attach
from benchmarks.client import Client
from benchmarks.instance import NOOP_SKILL, Running, instance
from benchmarks.measurement import Measurement, Row
from benchmarks.numbers import percentile

LOST_WORKERS = 12
LONG_S = 60


def measure(_rounds: int) -> Measurement:
    """Kill the process that runs a job; every third time stop it instead, so that only its lease shows the loss."""
    with instance(PURAS_WORKER_PROCESSES="2") as running, running.client() as client:
        client.push(NOOP_SKILL)
        took = [_one_loss(running, client, stop=n % 3 == 2) for n in range(LOST_WORKERS)]
    p95 = percentile(took, 0.95)
    return Measurement(
        "N10",
        (
            Row(
                "all",
                "lost worker → its job running elsewhere (two thirds killed, one third stopped)",
                "p95 ≤ 15 s",
                f"p50 {percentile(took, 0.5):.1f} s, p95 {p95:.1f} s",
                p95 <= 15,
            ),
        ),
        {"took_s": took},
    )


def _one_loss(running: Running, client: Client, *, stop: bool) -> float:
    job = client.call("POST", "/v1/jobs", {"skill": "nap", "inputs": {"seconds": LONG_S}})
    _until_attempt(client, job["id"], 1)
    worker = _worker_of(running, job["id"])
    os.kill(worker, signal.SIGSTOP if stop else signal.SIGKILL)
    lost_at = time.time()
    try:
        started = _until_attempt(client, job["id"], 2)
    finally:
        if stop:
            os.kill(worker, signal.SIGCONT)
    client.call("POST", f"/v1/jobs/{job['id']}/cancel")
    return started - lost_at


def _until_attempt(client: Client, job_id: str, attempt: int) -> float:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for event in client.call("GET", f"/v1/jobs/{job_id}/events"):
            if event["type"] == "started" and event["payload"]["attempt"] == attempt:
                return datetime.fromisoformat(event["ts"]).timestamp()
        time.sleep(0.05)
    raise RuntimeError(f"job {job_id} did not start attempt {attempt} within 60 s")


def _worker_of(running: Running, job_id: str) -> int:
    """Return the ID of the process that runs the job, from the database."""
    database_url = attach(Settings(home=running.home)).database_url
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "select w.pid from jobs j join workers w on w.id = j.worker_id where j.id = %s", (job_id,)
        ).fetchone()
    if row is None:
        raise RuntimeError(f"job {job_id} runs nowhere")
    return int(row[0])
