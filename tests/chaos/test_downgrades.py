"""Downgrades to older releases and upgrades, with jobs that wait, run and need an approval."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from backend.migrations import run as migrations
from benchmarks.client import Client
from benchmarks.instance import Running, instance
from tests.chaos.checks import (
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    until,
    until_ended,
)
from tests.chaos.homes import operate, query_runner, running_jobs, servers
from tests.chaos.processes import children_called, kill
from tests.chaos.rounds import ROUNDS
from tests.chaos.settings import two_workers
from tests.chaos.skills import SKILLS
from tests.doubles.messages import MessagesServer, calls, says
from tests.factories.agents import DONE

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

UPGRADING = Path(__file__).parents[2] / "docs" / "guides" / "upgrading.md"
RUNNING = 4
READY = 2
PENDING = 10
WINDOW = RUNNING + READY
LATER_S = 5
LIMITS = {
    "PURAS_WORKER_PROCESSES": "2",
    "PURAS_WORKER_JOBS": str(RUNNING // 2),
    "PURAS_PROJECT_CONCURRENCY": str(WINDOW),
}
CONFIRMED = {
    **SKILLS,
    "skills/wander/skill.yaml": SKILLS["skills/wander/skill.yaml"].replace(
        b"    entrypoint: note.py:note", b"    confirm: true\n    entrypoint: note.py:note"
    ),
}
QUEUE_ENTRIES = """
select count(*) filter (where stamp is not null), count(*) filter (where stamp is null), count(*) from job_queue
"""
STATES = "select status, count(*) from jobs group by status order by status"


def test_jobs_in_every_state_continue_after_documented_downgrades(
    folder: Path, upstream: MessagesServer, record: Callable[[str], None]
) -> None:
    """Kill workers before the instance stops, so that running jobs are stored as running."""
    home = folder / "home"
    settings = {**two_workers(upstream), **LIMITS}
    upstream.script = [
        says(calls("note", at="a barn"), input_tokens=20, output_tokens=2),
        says(calls("set_output", **DONE), input_tokens=20, output_tokens=2),
    ]
    with instance(home, **settings) as one, one.client() as client:
        client.push(CONFIRMED)
        api_key = one.api_key
        job_ids = cut_power(one, client)
        approved = job_ids[0]
    with servers(home) as database_url:
        states, entries = stored(database_url, STATES), stored(database_url, QUEUE_ENTRIES)
        assert dict(states)["running"] == RUNNING
        passed = 0
        for revision in (*documented()[-1:], documented()[0]) * ROUNDS:
            before = migrations.older_than(revision)[0]
            passed += migrations.older_than(migrations.current_revision(database_url)).index(before) + 1
            operate(home, "migrate", "--to", before)
            assert migrations.current_revision(database_url) == before
            assert (stored(database_url, STATES), stored(database_url, QUEUE_ENTRIES)) == (states, entries)
            operate(home, "migrate")
            migrations.check(database_url)
    with instance(home, **settings) as two, two.client(api_key) as client:
        (approval,) = client.call("GET", f"/v1/approvals?status=pending&job_id={approved}")
        client.call("POST", f"/v1/approvals/{approval['id']}/approve", {})
        jobs = until_ended(client, job_ids, 300)
        assert {job["status"] for job in jobs} == {"succeeded"}
        for job in jobs:
            assert_ended_once(client, job)
        run_query = query_runner(two)
        assert run_query(QUEUE_ENTRIES) == [(0, 0, 0)]
        assert run_query("select sum(a.admitted), sum(a.parked) from admissions a") == [(0, 0)]
        assert_paid_once(run_query, jobs)
        assert_ledger_balances(two)
    record(
        f"{len(jobs)} jobs: {dict(states)}; {passed} revisions down and up; all ended once and were charged once"
    )


def cut_power(running: Running, client: Client) -> list[str]:
    """Bring jobs into every state and kill the instance; return their IDs, that of the job with an approval first."""
    approved = client.submit("wander", topic="barns")
    until(
        lambda: client.call("GET", f"/v1/jobs/{approved}")["status"] == "waiting",
        30,
        "no approval is requested",
    )
    job_ids = [approved, *submitted(client)]
    until(lambda: running_jobs(query_runner(running)) == RUNNING, 180, "the first jobs do not run")
    kill([running.process.pid, *programs(running)])
    return job_ids


def submitted(client: Client) -> list[str]:
    """Submit jobs that run, are ready, wait outside of the window, and are due later."""
    naps = [client.submit("nap", seconds=3) for _ in range(RUNNING)]
    rest = [client.submit("nap", seconds=0.1) for _ in range(READY + PENDING)]
    later = (datetime.now(UTC) + timedelta(seconds=LATER_S)).isoformat()
    body = {"skill": "noop", "inputs": {"n": 1}, "run_at": later}
    return [*naps, *rest, client.call("POST", "/v1/jobs", body)["id"]]


def programs(running: Running) -> list[int]:
    """Return the processes of the instance that are not databases."""
    return [
        pid
        for name in ("workers.", "studio.serve")
        for pid in children_called(running.process.pid, running.home, name)
    ]


def documented() -> list[str]:
    """Return the revisions in the headings of the guide, the oldest first: a downgrade from each is supported."""
    headings = [line for line in UPGRADING.read_text("utf-8").splitlines() if line.startswith("## ")]
    return sorted(set(re.findall(r"`(\d{4}_\w+)`", "\n".join(headings))))


def stored(database_url: str, query: str) -> list[tuple[object, ...]]:
    """Return the rows of the database of a home without an instance."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(query).fetchall()
