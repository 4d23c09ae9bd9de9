"""Worker processes that die or freeze: no job is lost, none ends twice, nobody pays twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable

import pytest

from benchmarks.instance import Client

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

Ask = Callable[[str], list[tuple[object, ...]]]


def worker_pids(books: Ask) -> list[int]:
    return [
        int(str(pid)) for (pid,) in books("select pid from workers where beat_at > now() - interval '10 s'")
    ]


def until_ended(client: Client, job_ids: list[str], most_s: float) -> list[dict[str, object]]:
    deadline = time.monotonic() + most_s
    ended: dict[str, dict[str, object]] = {}
    while len(ended) < len(job_ids):
        assert time.monotonic() < deadline, f"{len(job_ids) - len(ended)} jobs had not ended after {most_s} s"
        for job_id in job_ids:
            if job_id not in ended:
                job = client.call("GET", f"/v1/jobs/{job_id}")
                if job["finished_at"] is not None:
                    ended[job_id] = job
        time.sleep(0.2)
    return list(ended.values())


def ends_of(client: Client, job_id: str) -> list[str]:
    events = client.call("GET", f"/v1/jobs/{job_id}/events")
    assert [event["id"] for event in events] == list(range(1, len(events) + 1)), (
        "events are numbered without a gap"
    )
    return [event["type"] for event in events if event["type"] in ("succeeded", "failed", "cancelled")]


def test_jobs_survive_the_killing_of_their_workers(client: Client, books: Ask) -> None:
    job_ids = [
        client.call("POST", "/v1/jobs", {"skill": "nap", "inputs": {"seconds": 0.4}})["id"] for _ in range(60)
    ]
    for _ in range(4):
        time.sleep(1.0)
        if pids := worker_pids(books):
            os.kill(random.choice(pids), signal.SIGKILL)
    jobs = until_ended(client, job_ids, 90)
    assert {job["status"] for job in jobs} == {"succeeded"}
    for job_id in job_ids:
        assert ends_of(client, job_id) == ["succeeded"]


def test_a_worker_that_wakes_after_its_lease_can_write_nothing(client: Client, books: Ask) -> None:
    job_id = client.call("POST", "/v1/jobs", {"skill": "nap", "inputs": {"seconds": 14}})["id"]
    deadline = time.monotonic() + 20
    while not (
        row := books(f"select w.pid from jobs j join workers w on w.id = j.worker_id where j.id = '{job_id}'")
    ):
        assert time.monotonic() < deadline, "the job did not start"
        time.sleep(0.05)
    frozen = int(str(row[0][0]))
    os.kill(frozen, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 30
        while client.call("GET", f"/v1/jobs/{job_id}")["attempt"] < 2:
            assert time.monotonic() < deadline, "nobody else took the job"
            time.sleep(0.2)
    finally:
        os.kill(frozen, signal.SIGCONT)
    (job,) = until_ended(client, [job_id], 60)
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert ends_of(client, job_id) == ["succeeded"]
