"""A flow for each row of a CSV: it survives lost workers, a deploy and a restart of the instance, and posts once."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.client import Client
from benchmarks.instance import instance
from tests.chaos.checks import (
    Job,
    RunQuery,
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    jobs_of_steps,
    lost_attempts,
    until,
    until_ended,
)
from tests.chaos.homes import query_runner
from tests.chaos.settings import two_workers
from tests.chaos.test_lost_workers import kill_busy_worker
from tests.doubles.messages import MessagesServer

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400)]
ROWS = 40
CSV = "name,words\n" + "".join(f"row {n},{'word ' * n}\n" for n in range(ROWS))
BUNDLE = {
    "skills/rows/skill.yaml": b"""\
entrypoint: flow.yaml
input_schema: {type: object, properties: {table: {type: file}}, required: [table]}
output_schema: {type: object, properties: {rows: {type: integer}, total: {type: integer}, by: {type: string}}}
""",
    "skills/rows/flow.yaml": b"""\
steps:
  - id: read
    python: tools.py:read
    inputs: {table: "${{ inputs.table }}"}
    output_schema:
      type: object
      properties:
        rows: {type: array, items: {type: object, properties: {words: {type: string}}}}
    retries: 3
  - id: each
    for_each: ${{ steps.read.rows }}
    concurrency: 8
    skill: count
    inputs: {words: "${{ item.words }}"}
  - id: sum
    python: tools.py:add
    inputs: {totals: "${{ steps.each.map(one, one.total) }}"}
    output_schema: {type: object, properties: {total: {type: integer}}}
  - id: sign
    approval: {message: "Post ${{ steps.sum.total }} words?", expires_after: 3d}
  - id: post
    emit: {type: words.counted, data: {total: "${{ steps.sum.total }}"}}
output: {rows: "${{ size(steps.each) }}", total: "${{ steps.sum.total }}", by: "${{ steps.sign.decided_by }}"}
""",
    "skills/rows/tools.py": b"""\
import csv
import io

from puras import load_bytes


def read(table):
    return {"rows": list(csv.DictReader(io.StringIO(load_bytes(table).decode())))}


def add(totals):
    return {"total": sum(totals)}
""",
    "skills/count/skill.yaml": b"""\
entrypoint: main.py:run
retries: {max: 5, on: [worker_lost]}
input_schema: {type: object, properties: {words: {type: string}}}
output_schema: {type: object, properties: {total: {type: integer}}}
""",
    "skills/count/main.py": b"""\
import time


def run(words):
    time.sleep(1)
    return {"total": len(words.split())}
""",
}
NEXT_VERSION = {**BUNDLE, "skills/count/main.py": b"def run(words):\n    return {'total': 1_000_000}\n"}
_RUNNING = "select count(*) from jobs where skill_name = 'count' and status = 'running'"
_EVENTS = "select data ->> 'total' from project_events where type = 'words.counted'"


def test_flow_of_a_csv_survives_the_night(
    upstream: MessagesServer, folder: Path, record: Callable[[str], None]
) -> None:
    settings = two_workers(upstream)
    with instance(folder / "home", **settings) as running, running.client() as client:
        run_query = query_runner(running)
        client.push(BUNDLE)
        table = {"media_type": "text/csv", "base64": base64.b64encode(CSV.encode()).decode()}
        job_id = client.submit("rows", table=table)
        for _ in range(3):
            until(lambda: run_query(_RUNNING)[0][0], 60, "no row is processed")
            kill_busy_worker(run_query)
            time.sleep(0.7)  # the interval between two kills
        client.push(NEXT_VERSION)
        until(lambda: pending(client), 120, "no approval was requested")
        job = client.call("GET", f"/v1/jobs/{job_id}")
        assert (job["status"], job["waiting_reason"]) == ("waiting", "for an approval")
        spent_micros = client.call("GET", f"/v1/jobs/{job_id}/receipt")["used_micros"]
        api_key = running.api_key
    with instance(folder / "home", **settings) as running, running.client(api_key) as client:
        run_query = query_runner(running)
        [approval] = pending(client)
        assert approval["input"] == {"message": "Post 780 words?"}
        client.call("POST", f"/v1/approvals/{approval['id']}/approve")
        (job,) = until_ended(client, [job_id], 60)
        assert job["result"] == {"rows": ROWS, "total": 780, "by": approval_of(client, approval["id"])}
        assert run_query(_EVENTS) == [("780",)]
        lost = assert_one_bill(client, run_query, job)
        assert client.call("GET", f"/v1/jobs/{job_id}/receipt")["used_micros"] == spent_micros > 0
        assert_ledger_balances(running)
    assert lost, "no attempt was hit"
    record(f"{ROWS} rows, 3 workers killed, 1 deploy, 1 restart: {lost} attempts lost, posted once")


def pending(client: Client) -> list[Any]:
    """Return the pending approvals."""
    found: list[Any] = client.call("GET", "/v1/approvals?status=pending")
    return found


def approval_of(client: Client, approval_id: str) -> str:
    """Return who has decided an approval."""
    decided = client.call("GET", "/v1/approvals?status=approved")
    return next(str(one["decided_by"]) for one in decided if one["id"] == approval_id)


def assert_one_bill(client: Client, run_query: RunQuery, job: Job) -> int:
    """Check the jobs of the steps and the bill of the flow, and return how many attempts were lost."""
    assert_ended_once(client, job)
    children = jobs_of_steps(client, run_query, job["id"])
    assert len(children) == ROWS + 2
    for one in children:
        assert one["status"] == "succeeded", one["error"]
        assert_ended_once(client, one)
    assert_paid_once(run_query, [job, *children])
    assert job["cost_micros"] == sum(one["cost_micros"] for one in children)
    return lost_attempts(run_query, job["id"])
