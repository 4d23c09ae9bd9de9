"""Waiting for the ends of jobs, and looking at how they ended and what was paid."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import uuid4

from benchmarks import commands
from benchmarks.client import Client
from benchmarks.instance import Running, environment

Ask = Callable[[str], list[tuple[object, ...]]]
Job = dict[str, Any]
ENDS = ("succeeded", "failed", "cancelled")


def until(fact: Callable[[], object], most_s: float, otherwise: str) -> None:
    """Return when the fact holds; fail when it does not within the time."""
    deadline = time.monotonic() + most_s
    while not fact():
        assert time.monotonic() < deadline, f"after {most_s} s: {otherwise}"
        time.sleep(0.05)


def submit_patiently(client: Client, body: dict[str, Any], most_s: float = 60.0) -> str:
    """The id of one job that is made, under a key of its own; an answer that asks for patience is asked again."""
    key, deadline = {"Idempotency-Key": uuid4().hex}, time.monotonic() + most_s
    while (answer := client.ask("POST", "/v1/jobs", body, **key)).status == 503:
        assert "retry-after" in answer.headers, answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)
    assert answer.status in (200, 201), answer
    return str(answer.body["id"])


def until_ended(client: Client, job_ids: Iterable[str], most_s: float) -> list[Job]:
    """The jobs when all have ended; one that hangs fails the test with the reason that it gives for waiting."""
    deadline = time.monotonic() + most_s
    jobs = []
    for job_id in job_ids:
        while (job := read_patiently(client, job_id, deadline))["finished_at"] is None:
            assert time.monotonic() < deadline, f"{job_id} is {job['status']}: {job['waiting_reason']}"
        jobs.append(job)
    return jobs


def read_patiently(client: Client, job_id: str, deadline: float) -> Job:
    """The job, through answers that ask for patience: those are allowed while something is being started again."""
    while True:
        try:
            answer = client.ask("GET", f"/v1/jobs/{job_id}?wait=true&timeout=2")
        except ConnectionError:
            assert time.monotonic() < deadline, "the API did not come back"
            time.sleep(0.1)
            continue
        if answer.status == 200:
            job: Job = answer.body
            return job
        assert (answer.status, "retry-after" in answer.headers) == (503, True), answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.2)


def assert_ended_once(client: Client, job: Job) -> None:
    """Its events are numbered without a gap, and exactly the last of them is an end."""
    events = client.call("GET", f"/v1/jobs/{job['id']}/events")
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events if event["type"] in ENDS] == [job["status"]]
    assert events[-1]["type"] == job["status"]
    starts = [event["payload"]["attempt"] for event in events if event["type"] == "started"]
    assert starts == list(range(1, job["attempt"] + 1))


def assert_paid_once(books: Ask, jobs: Sequence[Job]) -> None:
    """One charge for each job that succeeded, of what the job says that it alone cost, and none for the others."""
    charges = books(
        "select job_id::text, -sum(amount_micros), count(*) from ledger_entries "
        "where account = 'wallet' and kind = 'job_charge' group by job_id"
    )
    paid = {str(job_id): (amount, count) for job_id, amount, count in charges}
    for job in jobs:
        own_micros = job["cost_micros"] - job["called_cost_micros"]
        expected = (own_micros, 1) if job["status"] == "succeeded" and own_micros else None
        assert paid.get(job["id"]) == expected, job["id"]


def assert_books_add_up(running: Running) -> None:
    """The operator's own proof finds nothing."""
    audit = commands.run(("audit",), environment(running.home, running.port))
    assert audit.returncode == 0, audit.stdout + audit.stderr


def until_idle(books: Ask, most_s: float = 90.0) -> None:
    """Return when every worker is there again and nothing runs: the next test begins with a whole instance."""
    query = """
    select (select count(*) from workers where beat_at > now() - interval '5 s' and not stopping) = 2
           and not exists (select from jobs where status in ('queued', 'running'))
    """
    until(lambda: books(query)[0][0], most_s, "the instance is not whole again")
