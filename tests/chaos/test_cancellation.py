"""Cancellation: it ends all processes of a job within seconds, at any time, with or without Redis."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.checks import Job, RunQuery, assert_ended_once, assert_paid_once, until, until_ended
from tests.chaos.processes import children_called
from tests.chaos.rounds import ROUNDS

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120 * ROUNDS)]

MAX_S = 5.0
ENDED = ("succeeded", "cancelled")


@pytest.fixture
def frozen_redis(running: Running) -> Iterator[None]:
    """Freeze Redis: it accepts connections but does not respond."""
    pids = children_called(running.process.pid, running.home, "valkey-server")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def test_canceled_job_ends_all_its_processes(client: Client, run_query: RunQuery) -> None:
    job = run_and_cancel(client)
    size = output_size(client)
    time.sleep(0.3)  # each process that still exists would write fifteen times
    assert output_size(client) == size
    assert_ended_once(client, job)
    assert_paid_once(run_query, [job])


def test_job_is_canceled_in_time_while_redis_is_frozen(client: Client, frozen_redis: None) -> None:
    job = run_and_cancel(client)
    assert_ended_once(client, job)


def test_job_canceled_at_a_random_time_ends_once(
    client: Client, run_query: RunQuery, record: Callable[[str], None]
) -> None:
    job_ids = []
    for _ in range(40 * ROUNDS):
        job_id = client.submit("nap", seconds=0.1)
        time.sleep(random.uniform(0, 0.15))  # the time is random on purpose
        response = client.request("POST", f"/v1/jobs/{job_id}/cancel")
        assert response.status in (200, 409), response
        job_ids.append(job_id)
    jobs = until_ended(client, job_ids, 30 * ROUNDS)
    assert {job["status"] for job in jobs} <= set(ENDED)
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(run_query, jobs)
    counts = [sum(job["status"] == status for job in jobs) for status in ENDED]
    record(
        f"{len(jobs)} jobs canceled at random times: {counts[0]} had succeeded, {counts[1]} cancelled, each once"
    )


def run_and_cancel(client: Client) -> Job:
    """Cancel a job while its processes write, and return it after its end."""
    client.request("DELETE", "/v1/drive/files/alive.txt")
    job_id = client.submit("family")
    until(lambda: output_size(client) > 20, 60, "the job does not run")
    began = time.monotonic()
    client.call("POST", f"/v1/jobs/{job_id}/cancel")
    (job,) = until_ended(client, [job_id], MAX_S)
    assert job["status"] == "cancelled"
    assert time.monotonic() - began <= MAX_S
    return job


def output_size(client: Client) -> int:
    """Return the size of the file that the processes of the job write."""
    response = client.request("GET", "/v1/drive/files/alive.txt")
    return len(response.body) if response.status == 200 else 0
