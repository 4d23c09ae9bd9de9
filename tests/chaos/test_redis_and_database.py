"""The doorbell and the truth go away for a moment: nothing is lost."""

from __future__ import annotations

import time

import pytest
from redis import Redis

from backend.config import Settings
from backend.embedded import attach
from benchmarks.instance import Client, Running
from tests.chaos.processes import children_called, kill

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120)]


def submit_naps(client: Client, count: int) -> list[str]:
    return [
        client.call("POST", "/v1/jobs", {"skill": "nap", "inputs": {"seconds": 0.1}})["id"]
        for _ in range(count)
    ]


def until_succeeded(client: Client, job_ids: list[str], most_s: float) -> None:
    deadline = time.monotonic() + most_s
    for job_id in job_ids:
        while (job := client.call("GET", f"/v1/jobs/{job_id}"))["status"] != "succeeded":
            assert job["finished_at"] is None, job["error"]
            assert time.monotonic() < deadline, f"{job_id} is {job['status']}: {job['waiting_reason']}"
            time.sleep(0.1)


def test_an_emptied_redis_loses_no_job(running: Running, client: Client) -> None:
    job_ids = submit_naps(client, 40)
    with Redis.from_url(attach(Settings(home=running.home)).redis_url) as redis:
        redis.flushall()
    until_succeeded(client, job_ids, 30)


def test_a_killed_redis_loses_no_job_and_fails_no_request(running: Running, client: Client) -> None:
    kill(children_called(running.process.pid, running.home, "valkey-server"))
    job_ids = submit_naps(client, 20)
    until_succeeded(client, job_ids, 30)


def test_a_killed_database_is_back_and_the_jobs_go_on(running: Running, client: Client) -> None:
    job_ids = submit_naps(client, 20)
    kill(children_called(running.process.pid, running.home, "postgres"))
    deadline = time.monotonic() + 30
    while True:
        try:
            client.call("GET", "/v1/jobs?limit=1")
            break
        except RuntimeError as error:
            assert " 503 " in str(error), "while the database is away the answer is 503, never a wrong one"
            assert time.monotonic() < deadline, "the database did not come back"
            time.sleep(0.2)
    until_succeeded(client, job_ids, 45)
