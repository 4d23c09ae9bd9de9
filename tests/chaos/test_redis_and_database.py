"""Redis, the database or the API fails for a moment: no job is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from backend.config import Settings
from backend.embedded import attach
from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.checks import (
    Job,
    RunQuery,
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    submit_patiently,
    until,
    until_ended,
)
from tests.chaos.processes import children_called, kill
from tests.chaos.rounds import ROUNDS

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120 * ROUNDS)]

Record = Callable[[str], None]
Submit = Callable[[Client, dict[str, Any]], str]


def test_emptied_redis_loses_no_job(
    running: Running, client: Client, run_query: RunQuery, record: Record
) -> None:
    job_ids = []
    for _ in range(ROUNDS):
        job_ids += naps(client, 40)
        with Redis.from_url(attach(Settings(home=running.home)).redis_url) as redis:
            redis.flushall()
    assert_all_done(client, run_query, until_ended(client, job_ids, 30 * ROUNDS))
    record(f"emptied {ROUNDS} times under {len(job_ids)} jobs: 0 lost")


def test_killed_redis_loses_no_job_and_fails_no_request(
    running: Running, client: Client, run_query: RunQuery, record: Record
) -> None:
    job_ids = []
    for _ in range(ROUNDS):
        kill_all(running, "valkey-server")
        job_ids += naps(client, 20)
    assert_all_done(client, run_query, until_ended(client, job_ids, 30 * ROUNDS))
    record(f"killed {ROUNDS} times under {len(job_ids)} jobs: 0 lost, 0 requests failed")


def test_killed_database_restarts_and_jobs_continue(
    running: Running, client: Client, run_query: RunQuery, record: Record
) -> None:
    job_ids, failures = [], 0
    for _ in range(2 * ROUNDS):
        job_ids += naps(client, 20, submit=submit_patiently) + simulated_agents(client, 8)
        kill_all(running, "postgres")
        failures += failures_until_available(client)
    jobs = until_ended(client, job_ids, 45 * ROUNDS)
    assert_all_done(client, run_query, jobs)
    assert_ledger_balances(running)
    record(
        f"killed {2 * ROUNDS} times under {len(job_ids)} jobs: 0 lost, {failures} times 503 with Retry-After"
    )


def test_killed_api_restarts_and_jobs_continue(running: Running, client: Client, run_query: RunQuery) -> None:
    job_ids = naps(client, 20)
    callers = [submit_without_retry(client, {"skill": "errand", "inputs": {"seconds": 5}}) for _ in range(3)]
    called = (
        "select count(*) from jobs where status = 'running' "
        f"and parent_job_id in ({', '.join(repr(one) for one in callers)})"
    )
    until(lambda: run_query(called) == [(len(callers),)], 60, "the callers have called nothing")
    kill_all(running, "studio.serve")
    assert_all_done(client, run_query, until_ended(client, [*job_ids, *callers], 60))
    called = called.replace("running", "succeeded")
    assert run_query(called) == [(len(callers),)], "a repeated call has created a second job"


def kill_all(running: Running, name: str) -> None:
    """Kill every process of the program, as soon as one exists."""
    until(lambda: children_called(running.process.pid, running.home, name), 60, f"{name} does not run")
    kill(children_called(running.process.pid, running.home, name))


def submit_without_retry(client: Client, body: dict[str, Any]) -> str:
    """Submit a job with a single request, which must not fail, and return its ID."""
    return str(client.call("POST", "/v1/jobs", body)["id"])


def naps(client: Client, count: int, submit: Submit = submit_without_retry) -> list[str]:
    """Submit short jobs, and return their IDs."""
    return [submit(client, {"skill": "nap", "inputs": {"seconds": 0.1}}) for _ in range(count)]


def simulated_agents(client: Client, count: int) -> list[str]:
    """Submit agents with the simulated model; they use the database at every step."""
    body = {"skill": "wander", "model": "puras/rehearsal", "inputs": {"topic": "owls"}}
    return [submit_patiently(client, body) for _ in range(count)]


def assert_all_done(client: Client, run_query: RunQuery, jobs: list[Job]) -> None:
    """Assert that all jobs succeeded, ended once and were paid once."""
    assert {job["status"] for job in jobs} == {"succeeded"}, [job["error"] for job in jobs if job["error"]]
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(run_query, jobs)


def failures_until_available(client: Client) -> int:
    """Send requests until the database is available; until then each response must be 503 with Retry-After."""
    deadline = time.monotonic() + 60
    failures = 0
    while (response := client.request("GET", "/v1/jobs?limit=1")).status != 200:
        assert (response.status, "retry-after" in response.headers) == (503, True), response
        assert time.monotonic() < deadline, "the database did not come back"
        failures += 1
        time.sleep(0.1)
    return failures
