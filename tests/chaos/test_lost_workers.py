"""Worker processes that are killed or frozen: no job is lost, ends twice or is charged twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.checks import (
    RunQuery,
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    until,
    until_ended,
    until_idle,
)
from tests.chaos.rounds import ROUNDS

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180 * ROUNDS)]


def test_jobs_survive_killed_workers(
    running: Running, client: Client, run_query: RunQuery, record: Callable[[str], None]
) -> None:
    job_ids: list[str] = []
    for _ in range(4 * ROUNDS):
        job_ids += [client.submit("nap", seconds=0.3) for _ in range(25)]
        kill_busy_worker(run_query)
        time.sleep(1.0)  # the interval between two kills
    jobs = until_ended(client, job_ids, 60 * ROUNDS)
    assert {job["status"] for job in jobs} == {"succeeded"}
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(run_query, jobs)
    assert_ledger_balances(running)
    again = sum(job["attempt"] > 1 for job in jobs)
    assert again, "no job was hit"
    record(f"{4 * ROUNDS} workers killed under {len(jobs)} jobs: {again} ran again, 0 lost, 0 paid twice")


def test_worker_resumed_after_its_lease_cannot_write(
    client: Client, run_query: RunQuery, record: Callable[[str], None]
) -> None:
    for _ in range(ROUNDS):
        until_idle(run_query)
        job_id = client.submit("nap", seconds=2)
        frozen = pid_that_runs(run_query, job_id)
        assert frozen is not None
        os.kill(frozen, signal.SIGSTOP)
        try:
            until(
                lambda: client.call("GET", f"/v1/jobs/{job_id}")["attempt"] == 2,  # noqa: B023
                90,
                "the job was not requeued",
            )
        finally:
            os.kill(frozen, signal.SIGCONT)
        (job,) = until_ended(client, [job_id], 30)
        assert (job["status"], job["attempt"]) == ("succeeded", 2)
        until_idle(run_query)  # the resumed worker has restarted
        assert_ended_once(client, job)
        assert_paid_once(run_query, [job])
    record(f"{ROUNDS} frozen past the lease: every late write rejected")


def test_job_that_kills_its_worker_fails_alone(
    client: Client, run_query: RunQuery, record: Callable[[str], None]
) -> None:
    until_idle(run_query)
    killer = client.submit("stubborn", seconds=60)
    bystanders = [client.submit("nap", seconds=1.5) for _ in range(10)]
    kills = 0
    while (pid := pid_that_runs(run_query, killer, attempt=kills + 1)) is not None:
        os.kill(pid, signal.SIGKILL)
        kills += 1
    failed, *fine = until_ended(client, [killer, *bystanders], 90)
    assert (failed["status"], failed["error_code"]) == ("failed", "worker_lost")
    assert {job["status"] for job in fine} == {"succeeded"}
    for job in (failed, *fine):
        assert_ended_once(client, job)
    assert_paid_once(run_query, [failed, *fine])
    until_idle(run_query)
    record(
        f"failed as worker_lost after {kills} kills, the last ones alone; {len(fine)} bystanders succeeded"
    )


def kill_busy_worker(run_query: RunQuery, *, when_idle: Callable[[], object] = lambda: None) -> None:
    """Kill a worker that runs a job; killing one without jobs would test nothing.

    Args:
        run_query: Reads the database.
        when_idle: Called while no job is queued or runs, to let one that waits continue.
    """
    busy = (
        "select distinct w.pid from workers w join jobs j on j.worker_id = w.id "
        "where j.status = 'running' and w.beat_at > now() - interval '5 s' and not w.stopping"
    )
    found: list[tuple[object, ...]] = []

    def find() -> bool:
        found[:] = run_query(busy)
        if not found and not run_query("select from jobs where status in ('queued', 'running') limit 1"):
            when_idle()
        return bool(found)

    until(find, 90, "no worker runs a job")
    os.kill(int(str(random.choice(found)[0])), signal.SIGKILL)


def worker_pids(run_query: RunQuery) -> list[int]:
    """Return the process IDs of the live workers."""
    rows = run_query("select pid from workers where beat_at > now() - interval '5 s' and not stopping")
    return [int(str(pid)) for (pid,) in rows]


def pid_that_runs(run_query: RunQuery, job_id: str, *, attempt: int = 1) -> int | None:
    """Return the process that runs the attempt, as soon as it runs, or None if the job has ended."""
    query = (
        "select case when j.finished_at is null then w.pid end "
        "from jobs j left join workers w on w.id = j.worker_id where "
        f"j.id = '{job_id}' and (j.finished_at is not null or j.status = 'running' and j.attempt = {attempt})"
    )
    until(lambda: run_query(query), 90, f"attempt {attempt} did not start")
    pid = run_query(query)[0][0]
    return None if pid is None else int(str(pid))
