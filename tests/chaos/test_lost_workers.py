"""Worker processes that die or freeze: no job is lost, none ends twice, nobody pays twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.rounds import ROUNDS
from tests.chaos.watching import (
    Ask,
    assert_books_add_up,
    assert_ended_once,
    assert_paid_once,
    until,
    until_ended,
    until_idle,
)

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180 * ROUNDS)]


def test_jobs_survive_the_killing_of_their_workers(
    running: Running, client: Client, books: Ask, told: Callable[[str], None]
) -> None:
    job_ids: list[str] = []
    for _ in range(4 * ROUNDS):
        job_ids += [client.submit("nap", seconds=0.3) for _ in range(25)]
        kill_one_that_works(books)
        time.sleep(1.0)  # the rhythm of the attack
    jobs = until_ended(client, job_ids, 60 * ROUNDS)
    assert {job["status"] for job in jobs} == {"succeeded"}
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(books, jobs)
    assert_books_add_up(running)
    again = sum(job["attempt"] > 1 for job in jobs)
    assert again, "no job was hit"
    told(f"{4 * ROUNDS} workers killed under {len(jobs)} jobs: {again} ran again, 0 lost, 0 paid twice")


def test_a_worker_that_wakes_after_its_lease_can_write_nothing(
    client: Client, books: Ask, told: Callable[[str], None]
) -> None:
    for _ in range(ROUNDS):
        until_idle(books)
        job_id = client.submit("nap", seconds=2)
        frozen = pid_that_runs(books, job_id)
        assert frozen is not None
        os.kill(frozen, signal.SIGSTOP)
        try:
            until(lambda: client.call("GET", f"/v1/jobs/{job_id}")["attempt"] == 2, 90, "nobody took the job")  # noqa: B023
        finally:
            os.kill(frozen, signal.SIGCONT)
        (job,) = until_ended(client, [job_id], 30)
        assert (job["status"], job["attempt"]) == ("succeeded", 2)
        until_idle(books)  # the one that woke has begun anew
        assert_ended_once(client, job)
        assert_paid_once(books, [job])
    told(f"{ROUNDS} frozen past the lease: every late write refused")


def test_a_job_that_kills_its_worker_fails_and_takes_no_other_with_it(
    client: Client, books: Ask, told: Callable[[str], None]
) -> None:
    until_idle(books)
    culprit = client.submit("stubborn", seconds=60)
    bystanders = [client.submit("nap", seconds=1.5) for _ in range(10)]
    kills = 0
    while (pid := pid_that_runs(books, culprit, attempt=kills + 1)) is not None:
        os.kill(pid, signal.SIGKILL)
        kills += 1
    failed, *fine = until_ended(client, [culprit, *bystanders], 90)
    assert (failed["status"], failed["error_code"]) == ("failed", "worker_lost")
    assert {job["status"] for job in fine} == {"succeeded"}
    for job in (failed, *fine):
        assert_ended_once(client, job)
    assert_paid_once(books, [failed, *fine])
    until_idle(books)
    told(f"failed as worker_lost after {kills} kills, the last ones alone; {len(fine)} bystanders succeeded")


def kill_one_that_works(books: Ask) -> None:
    """SIGKILL to a worker that runs a job: on a slow machine one that has only just begun is no loss to anybody."""
    busy = (
        "select distinct w.pid from workers w join jobs j on j.worker_id = w.id "
        "where j.status = 'running' and w.beat_at > now() - interval '5 s' and not w.stopping"
    )
    found: list[tuple[object, ...]] = []

    def look() -> bool:
        found[:] = books(busy)
        return bool(found)

    until(look, 90, "no worker runs a job")
    os.kill(int(str(random.choice(found)[0])), signal.SIGKILL)


def worker_pids(books: Ask) -> list[int]:
    rows = books("select pid from workers where beat_at > now() - interval '5 s' and not stopping")
    return [int(str(pid)) for (pid,) in rows]


def pid_that_runs(books: Ask, job_id: str, *, attempt: int = 1) -> int | None:
    """The process that runs the attempt, as soon as it runs; none when the job has ended instead."""
    query = (
        "select case when j.finished_at is null then w.pid end "
        "from jobs j left join workers w on w.id = j.worker_id where "
        f"j.id = '{job_id}' and (j.finished_at is not null or j.status = 'running' and j.attempt = {attempt})"
    )
    until(lambda: books(query), 90, f"attempt {attempt} did not start")
    pid = books(query)[0][0]
    return None if pid is None else int(str(pid))
