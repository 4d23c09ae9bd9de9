"""The doorbell and the truth go away for a moment: nothing is lost."""

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
from tests.chaos.processes import children_called, kill
from tests.chaos.rounds import ROUNDS
from tests.chaos.watching import (
    Ask,
    Job,
    assert_books_add_up,
    assert_ended_once,
    assert_paid_once,
    submit_patiently,
    until,
    until_ended,
)

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(120 * ROUNDS)]

Tell = Callable[[str], None]
Submit = Callable[[Client, dict[str, Any]], str]


def test_an_emptied_redis_loses_no_job(running: Running, client: Client, books: Ask, told: Tell) -> None:
    job_ids = []
    for _ in range(ROUNDS):
        job_ids += naps(client, 40)
        with Redis.from_url(attach(Settings(home=running.home)).redis_url) as redis:
            redis.flushall()
    assert_all_done(client, books, until_ended(client, job_ids, 30 * ROUNDS))
    told(f"emptied {ROUNDS} times under {len(job_ids)} jobs: 0 lost")


def test_a_killed_redis_loses_no_job_and_fails_no_request(
    running: Running, client: Client, books: Ask, told: Tell
) -> None:
    job_ids = []
    for _ in range(ROUNDS):
        kill_all(running, "valkey-server")
        job_ids += naps(client, 20)
    assert_all_done(client, books, until_ended(client, job_ids, 30 * ROUNDS))
    told(f"killed {ROUNDS} times under {len(job_ids)} jobs: 0 lost, 0 requests refused")


def test_a_killed_database_is_back_and_the_jobs_go_on(
    running: Running, client: Client, books: Ask, told: Tell
) -> None:
    job_ids, refused = [], 0
    for _ in range(2 * ROUNDS):
        job_ids += naps(client, 20, submit=submit_patiently) + rehearsals(client, 8)
        kill_all(running, "postgres")
        refused += refusals_until_it_answers(client)
    jobs = until_ended(client, job_ids, 45 * ROUNDS)
    assert_all_done(client, books, jobs)
    assert_books_add_up(running)
    told(
        f"killed {2 * ROUNDS} times under {len(job_ids)} jobs: 0 lost, {refused} answers of 503 with Retry-After"
    )


def test_a_killed_api_is_back_and_the_jobs_go_on(running: Running, client: Client, books: Ask) -> None:
    job_ids = naps(client, 20)
    callers = [submit_at_once(client, {"skill": "errand", "inputs": {"seconds": 2}}) for _ in range(3)]
    called = (
        "select count(*) from jobs where status = 'running' "
        f"and parent_job_id in ({', '.join(repr(one) for one in callers)})"
    )
    until(lambda: books(called) == [(len(callers),)], 60, "the callers have called nothing")
    kill_all(running, "studio.serve")
    assert_all_done(client, books, until_ended(client, [*job_ids, *callers], 60))
    called = called.replace("running", "succeeded")
    assert books(called) == [(len(callers),)], "a call that was sent again has made a second job"


def kill_all(running: Running, name: str) -> None:
    """SIGKILL every process of the program, as soon as there is one."""
    until(lambda: children_called(running.process.pid, running.home, name), 60, f"{name} does not run")
    kill(children_called(running.process.pid, running.home, name))


def submit_at_once(client: Client, body: dict[str, Any]) -> str:
    """The id of the job that is made by one request, which nothing may refuse."""
    return str(client.call("POST", "/v1/jobs", body)["id"])


def naps(client: Client, count: int, submit: Submit = submit_at_once) -> list[str]:
    return [submit(client, {"skill": "nap", "inputs": {"seconds": 0.1}}) for _ in range(count)]


def rehearsals(client: Client, count: int) -> list[str]:
    """Agents, which ask the database at every step; the model is the worker's own."""
    asked = {"skill": "wander", "model": "puras/rehearsal", "inputs": {"topic": "owls"}}
    return [submit_patiently(client, asked) for _ in range(count)]


def assert_all_done(client: Client, books: Ask, jobs: list[Job]) -> None:
    assert {job["status"] for job in jobs} == {"succeeded"}, [job["error"] for job in jobs if job["error"]]
    for job in jobs:
        assert_ended_once(client, job)
    assert_paid_once(books, jobs)


def refusals_until_it_answers(client: Client) -> int:
    """Ask until the database is back; while it is away the answer is 503 that says when to come again."""
    deadline = time.monotonic() + 60
    refused = 0
    while (answer := client.ask("GET", "/v1/jobs?limit=1")).status != 200:
        assert (answer.status, "retry-after" in answer.headers) == (503, True), answer
        assert time.monotonic() < deadline, "the database did not come back"
        refused += 1
        time.sleep(0.1)
    return refused
