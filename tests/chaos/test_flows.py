"""Flows whose workers are killed: each step has one job or event, which ends once, and one bill contains them all."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.checks import (
    Job,
    RunQuery,
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    jobs_of_steps,
    lost_attempts,
    until_ended,
    until_idle,
)
from tests.chaos.rounds import ROUNDS
from tests.chaos.test_lost_workers import kill_busy_worker

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240 * ROUNDS)]
TEXTS = ["a b", "c", "d e f", "g", "h i"]
_SENT = "select count(*) from project_events where type = 'posted' and data ->> 'job' = '{}'"
_CHARGED = """
select coalesce(-sum(amount_micros), 0) from ledger_entries
where account = 'wallet' and kind = 'job_charge'
  and job_id in (select id from jobs where id = '{0}' or parent_job_id = '{0}')
"""


def test_flows_survive_killed_workers(
    running: Running, client: Client, run_query: RunQuery, record: Callable[[str], None]
) -> None:
    flows = [client.submit("post", texts=TEXTS) for _ in range(4 * ROUNDS)]
    for _ in range(3 * ROUNDS):
        kill_busy_worker(run_query, when_idle=lambda: approve(client, limit=1))
        time.sleep(1.0)  # the interval between two kills
    deadline = time.monotonic() + 120 * ROUNDS
    while any(client.call("GET", f"/v1/jobs/{one}")["finished_at"] is None for one in flows):
        assert time.monotonic() < deadline, "a flow has not ended"
        approve(client)
        time.sleep(0.1)
    jobs = until_ended(client, flows, 10)
    again = sum(assert_complete(client, run_query, job) for job in jobs)
    assert_ledger_balances(running)
    assert again, "no attempt was hit"
    until_idle(run_query)
    record(
        f"{3 * ROUNDS} workers killed under {len(flows)} flows of 6 steps: {again} attempts lost, 0 steps twice"
    )


def assert_complete(client: Client, run_query: RunQuery, job: Job) -> int:
    """Check a flow with its steps, and return how many attempts of both were lost."""
    assert (job["status"], job["result"]) == ("succeeded", {"n": 5, "first": 2}), job["error"]
    assert_ended_once(client, job)
    children = jobs_of_steps(client, run_query, job["id"])
    assert sorted(one["inputs"]["words"] for one in children[:5]) == sorted(TEXTS)
    assert len(children) == 6
    assert run_query(_SENT.format(job["id"])) == [(1,)]
    for one in children:
        assert_ended_once(client, one)
    assert_paid_once(run_query, [job, *children])
    total = sum(one["cost_micros"] for one in children)
    assert (
        job["cost_micros"]
        == job["subjob_cost_micros"]
        == total
        == run_query(_CHARGED.format(job["id"]))[0][0]
    )
    assert total > 0
    return lost_attempts(run_query, job["id"])


def approve(client: Client, *, limit: int = 50) -> None:
    """Approve what flows wait for."""
    for approval in client.call("GET", f"/v1/approvals?status=pending&limit={limit}"):
        client.call("POST", f"/v1/approvals/{approval['id']}/approve")
