"""Functions that wait for the end of jobs, and check how they ended and what was paid."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import uuid4

from benchmarks import commands
from benchmarks.client import Client
from benchmarks.instance import Running, environment

RunQuery = Callable[[str], list[tuple[object, ...]]]
Job = dict[str, Any]
_STEPS = "select id::text from jobs where parent_job_id = '{}' order by created_at"
_LOST = """
select count(*) from job_events e join jobs j on j.id = e.job_id
where e.type = 'requeued' and e.payload ->> 'reason' = 'worker_lost' and (j.id = '{0}' or j.parent_job_id = '{0}')
"""
ENDS = ("succeeded", "failed", "cancelled")


def until(condition: Callable[[], object], max_s: float, message: str) -> None:
    """Wait until the condition is true; fail with the message if it is not within the time."""
    deadline = time.monotonic() + max_s
    while not condition():
        assert time.monotonic() < deadline, f"after {max_s} s: {message}"
        time.sleep(0.05)


def submit_patiently(client: Client, body: dict[str, Any], max_s: float = 60.0) -> str:
    """Submit a job with a unique idempotency key, repeat the request after 503, and return the job ID."""
    key, deadline = {"Idempotency-Key": uuid4().hex}, time.monotonic() + max_s
    while (response := client.request("POST", "/v1/jobs", body, **key)).status == 503:
        assert "retry-after" in response.headers, response
        assert time.monotonic() < deadline, response
        time.sleep(0.2)
    assert response.status in (200, 201), response
    return str(response.body["id"])


def until_ended(client: Client, job_ids: Iterable[str], max_s: float) -> list[Job]:
    """Return the jobs when all have ended; if one does not end, fail with its `waiting_reason`."""
    deadline = time.monotonic() + max_s
    jobs = []
    for job_id in job_ids:
        while (job := read_patiently(client, job_id, deadline))["finished_at"] is None:
            assert time.monotonic() < deadline, f"{job_id} is {job['status']}: {job['waiting_reason']}"
        jobs.append(job)
    return jobs


def read_patiently(client: Client, job_id: str, deadline: float) -> Job:
    """Return the job, and repeat the request after 503, which is allowed while a server restarts."""
    while True:
        try:
            response = client.request("GET", f"/v1/jobs/{job_id}?wait=true&timeout=2")
        except ConnectionError:
            assert time.monotonic() < deadline, "the API did not come back"
            time.sleep(0.1)
            continue
        if response.status == 200:
            job: Job = response.body
            return job
        assert (response.status, "retry-after" in response.headers) == (503, True), response
        assert time.monotonic() < deadline, response
        time.sleep(0.2)


def assert_ended_once(client: Client, job: Job) -> None:
    """Assert that the events are numbered without a gap, and that only the last one is a final event."""
    events = client.call("GET", f"/v1/jobs/{job['id']}/events")
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    assert [event["type"] for event in events if event["type"] in ENDS] == [job["status"]]
    assert events[-1]["type"] == job["status"]
    starts = [event["payload"]["attempt"] for event in events if event["type"] == "started"]
    assert sorted(set(starts)) == list(range(1, job["attempt"] + 1))


def assert_paid_once(run_query: RunQuery, jobs: Sequence[Job]) -> None:
    """Assert that each succeeded job has one charge of its own cost, and that the others have none."""
    charges = run_query(
        "select job_id::text, -sum(amount_micros), count(*) from ledger_entries "
        "where account = 'wallet' and kind = 'job_charge' group by job_id"
    )
    paid = {str(job_id): (amount, count) for job_id, amount, count in charges}
    for job in jobs:
        own_micros = job["cost_micros"] - job["subjob_cost_micros"]
        expected = (own_micros, 1) if job["status"] == "succeeded" and own_micros else None
        assert paid.get(job["id"]) == expected, job["id"]


def jobs_of_steps(client: Client, run_query: RunQuery, flow_job_id: str) -> list[Job]:
    """Return the jobs that a flow has started, the oldest first."""
    rows = run_query(_STEPS.format(flow_job_id))
    found: list[Job] = [client.call("GET", f"/v1/jobs/{job_id}") for (job_id,) in rows]
    return found


def lost_attempts(run_query: RunQuery, flow_job_id: str) -> int:
    """Return how many attempts of a flow and of the jobs of its steps were lost with their workers."""
    return int(str(run_query(_LOST.format(flow_job_id))[0][0]))


def assert_ledger_balances(running: Running) -> None:
    """Assert that the audit command of the operator finds no discrepancy."""
    audit = commands.run(("audit",), environment(running.home, running.port))
    assert audit.returncode == 0, audit.stdout + audit.stderr


def until_idle(run_query: RunQuery, max_s: float = 90.0) -> None:
    """Wait until all workers are alive and no job runs, so that the next test starts with a healthy instance."""
    query = """
    select (select count(*) from workers where beat_at > now() - interval '5 s' and not stopping) = 2
           and not exists (select from jobs where status in ('queued', 'running'))
    """
    until(lambda: run_query(query)[0][0], max_s, "the instance is not healthy again")
