"""Worker processes that are killed while functions run durable steps: each finished step has run once."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running
from tests.chaos.checks import (
    RunQuery,
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    until_ended,
)
from tests.chaos.rounds import ROUNDS
from tests.chaos.skills import SKILLS
from tests.chaos.test_lost_workers import kill_busy_worker

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240 * ROUNDS)]

JOBS = 8
KILLS = 3
SKILL = {
    "skills/durable/skill.yaml": b"""\
entrypoint: main.py:run
description: Runs steps, sleeps, waits for an event, and returns how often each of its steps has finished.
retries: {max: 50, on: [worker_lost]}
input_schema: {type: object, properties: {number: {type: integer}}}
output_schema: {type: object}
""",
    "skills/durable/main.py": b"""\
import time
from functools import partial

from puras import emit_event, parallel, sleep, step, wait_for_event


def note(number, text):
    time.sleep(0.2)
    with open(f"drive/log {number}.txt", "a") as file:
        file.write(text + "\\n")
    return text


def branch(number, name):
    first = step("first", note, number, f"{name} first")
    sleep(0.5)
    return [first, step("second", note, number, f"{name} second")]


def run(number):
    results = [step("start", note, number, "start")]
    results += parallel(*(partial(branch, number, name) for name in "ab"))
    sleep(3)
    emit_event("done", {"number": number})
    event = wait_for_event("go", {"number": number})
    results.append(step("end", note, number, "end " + event["id"]))
    return {"results": results}
""",
}
EXPECTED = ["start", ["a first", "a second"], ["b first", "b second"]]


def wake_one(client: Client, run_query: RunQuery, left: dict[str, int]) -> None:
    """Send the event that one of the jobs waits for, unless all of them still sleep."""
    waiting = {str(job_id) for (job_id,) in run_query("select job_id from job_waits where kind = 'event'")}
    job_id = next((one for one in left if one in waiting), None)
    if job_id is not None:
        send(client, left.pop(job_id))


def send(client: Client, number: int) -> None:
    """Send the event that the job with this number waits for."""
    event = {"type": "go", "data": {"number": number}, "id": f"go {number}"}
    assert client.call("POST", "/v1/events", event)["id"] == f"go {number}"


def test_killed_workers_repeat_no_finished_step(
    running: Running, client: Client, run_query: RunQuery, record: Callable[[str], None]
) -> None:
    client.push({**SKILLS, **SKILL})  # the other tests use the same instance
    attempts = 0
    for round_number in range(ROUNDS):
        numbers = [round_number * JOBS + n for n in range(JOBS)]
        job_ids = [client.submit("durable", number=number) for number in numbers]
        left = dict(zip(job_ids, numbers, strict=True))
        for _ in range(KILLS):
            time.sleep(random.uniform(0.5, 2.5))
            kill_busy_worker(run_query, when_idle=partial(wake_one, client, run_query, left))
        for number in left.values():
            send(client, number)
        jobs = until_ended(client, job_ids, 120)
        for number, job in zip(numbers, jobs, strict=True):
            assert job["status"] == "succeeded", job
            assert job["result"]["results"] == [*EXPECTED, f"end go {number}"]
            assert_ended_once(client, job)
            steps = client.call("GET", f"/v1/jobs/{job['id']}/steps?limit=200")
            assert Counter(step["status"] for step in steps) == {"succeeded": len(steps)}
            finished = Counter(
                (event["payload"]["branch"], event["payload"]["position"])
                for event in client.call("GET", f"/v1/jobs/{job['id']}/events")
                if event["type"] == "step_finished"
            )
            assert set(finished.values()) == {1}, finished
            sent = run_query(f"select count(*) from project_events where sent_by = 'job:{job['id']}'")
            assert sent == [(1,)], "the event was not sent once"
        assert_paid_once(run_query, jobs)
        attempts += sum(job["attempt"] for job in jobs)
    assert_ledger_balances(running)
    killed, jobs_count = KILLS * ROUNDS, JOBS * ROUNDS
    record(
        f"{killed} workers killed under {jobs_count} jobs of steps: {attempts} attempts, no step stored twice"
    )
