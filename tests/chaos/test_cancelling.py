"""Cancelling: within seconds, the whole family of processes, at whatever moment, with or without Redis."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.processes import children_called
from tests.chaos.rounds import ROUNDS
from tests.chaos.watching import Ask, Job, assert_ended_once, assert_paid_once, until, until_ended

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120 * ROUNDS)]

MAX_S = 5.0
ENDED = ("succeeded", "cancelled")


@pytest.fixture
def frozen_redis(running: Running) -> Iterator[None]:
    """Redis takes connections and answers nothing."""
    pids = children_called(running.process.pid, running.home, "valkey-server")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    yield
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def test_a_cancelled_job_ends_with_all_its_processes(client: Client, books: Ask) -> None:
    job = cancelled_while_it_runs(client)
    size = beats(client)
    time.sleep(0.3)  # fifteen beats of each process, if one were left
    assert beats(client) == size
    assert_ended_once(client, job)
    assert_paid_once(books, [job])


def test_a_job_is_cancelled_in_time_while_redis_does_not_answer(client: Client, frozen_redis: None) -> None:
    job = cancelled_while_it_runs(client)
    assert_ended_once(client, job)


def test_a_job_can_be_cancelled_at_any_moment_and_ends_once(
    client: Client, books: Ask, told: Callable[[str], None]
) -> None:
    job_ids = []
    for _ in range(40 * ROUNDS):
        job_id = client.submit("nap", seconds=0.1)
        time.sleep(random.uniform(0, 0.15))  # the moment is the matter
        answer = client.ask("POST", f"/v1/jobs/{job_id}/cancel")
        assert answer.status in (200, 409), answer
        job_ids.append(job_id)
    jobs = until_ended(client, job_ids, 30 * ROUNDS)
    assert {job["status"] for job in jobs} <= set(ENDED)
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(books, jobs)
    counts = [sum(job["status"] == status for job in jobs) for status in ENDED]
    told(
        f"{len(jobs)} jobs cancelled at random moments: {counts[0]} had succeeded, {counts[1]} cancelled, each once"
    )


def cancelled_while_it_runs(client: Client) -> Job:
    client.ask("DELETE", "/v1/drive/files/beats.txt")
    job_id = client.submit("family")
    until(lambda: beats(client) > 20, 60, "the job does not run")
    began = time.monotonic()
    client.call("POST", f"/v1/jobs/{job_id}/cancel")
    (job,) = until_ended(client, [job_id], MAX_S)
    assert job["status"] == "cancelled"
    assert time.monotonic() - began <= MAX_S
    return job


def beats(client: Client) -> int:
    answer = client.ask("GET", "/v1/drive/files/beats.txt")
    return len(answer.body) if answer.status == 200 else 0
