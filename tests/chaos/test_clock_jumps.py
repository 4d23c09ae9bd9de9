"""The wall clock of the database, or of the host of API and workers, jumps by an hour while jobs run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from benchmarks.client import Client
from benchmarks.instance import instance
from tests.chaos.checks import (
    Job,
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    until,
    until_ended,
)
from tests.chaos.homes import operate, query_runner, running_jobs, servers
from tests.chaos.rounds import ROUNDS
from tests.chaos.settings import two_workers
from tests.chaos.skills import SKILLS, upload
from tests.doubles.messages import MessagesServer
from tests.factories.movable_clock import make_movable, move

TIMES = min(3, ROUNDS)
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600 * TIMES)]

HOUR_S = 3600.0
WAITING_JOBS = 8
"""The number of jobs that run from before a jump until the clock has been wrong for some time."""
JOBS = 30
NAP_S = 0.5
WRONG_TIME_S = 12.0
"""Longer than the lease of a worker."""
MAX_COST_MICROS = 600_000
"""The cost of ten minutes of compute time; an hour costs six times as much."""
REASONS = "select payload->>'reason', count(*) from job_events where type = 'requeued' group by 1"
TWICE = "select due_at, count(*) from schedule_runs group by schedule_id, due_at having count(*) > 1"


@contextmanager
def database_with_clock(home: Path) -> Iterator[tuple[Callable[[float], None], dict[str, str]]]:
    """Yield a function that sets the clock of the database, on which leases, the queue and schedules depend."""
    with servers(home) as database_url:
        operate(home, "migrate")
        make_movable(database_url)
        yield lambda ahead_s: move(database_url, ahead_s), {}


@contextmanager
def host_with_clock(home: Path) -> Iterator[tuple[Callable[[float], None], dict[str, str]]]:
    """Yield a function that sets the wall clock of API and workers, and the settings with which they use it.

    As on a real host, this does not affect the monotonic clock (`CLOCK_MONOTONIC`).
    """
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if library is None:
        pytest.skip("needs libfaketime (Debian: apt-get install libfaketime)")
    ahead = home.parent / "ahead"

    def move_host(ahead_s: float) -> None:
        draft = ahead.with_suffix(".draft")
        draft.write_text(f"{ahead_s:+.0f}\n")
        draft.replace(ahead)

    move_host(0)
    with servers(home):
        yield (
            move_host,
            {
                "LD_PRELOAD": str(library),
                "FAKETIME_TIMESTAMP_FILE": str(ahead),
                "FAKETIME_CACHE_DURATION": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            },
        )


@pytest.mark.parametrize("clock", [database_with_clock, host_with_clock])
def test_clock_jump_neither_loses_nor_repeats_jobs(
    folder: Path,
    upstream: MessagesServer,
    record: Callable[[str], None],
    clock: Callable[[Path], AbstractContextManager[tuple[Callable[[float], None], dict[str, str]]]],
) -> None:
    home, settings = folder / "home", two_workers(upstream)
    with (
        clock(home) as (jump, clock_settings),
        instance(home, **settings, **clock_settings) as running,
        running.client() as client,
    ):
        client.push(SKILLS)
        client.run("noop", {"n": 1})
        run_query = query_runner(running)
        for skill, cron in (("noop", "* * * * *"), ("nap", "*/20 * * * *")):
            inputs = {"n": 1} if skill == "noop" else {"seconds": 0.1}
            client.call(
                "POST", "/v1/schedules", {"skill": skill, "inputs": inputs, "cron": cron, "name": skill}
            )
        jobs: list[Job] = []
        for _ in range(TIMES):
            job_ids: list[str] = []
            for ahead_s in (HOUR_S, 0.0, -HOUR_S, 0.0):
                name = f"clock-{len(jobs)}-{len(job_ids)}"
                job_ids += [client.submit("held", until=name) for _ in range(WAITING_JOBS)]
                until(lambda: running_jobs(run_query) >= WAITING_JOBS, 120, "the first jobs do not run")
                job_ids += submitted(client)
                jump(ahead_s)
                time.sleep(WRONG_TIME_S)
                if clock is host_with_clock:
                    assert abs(clock_lead_s(client) - ahead_s) < 5
                upload(client, name)
            jobs += until_ended(client, job_ids, 300)
        assert run_query(REASONS) == []
        assert {(job["status"], job["attempt"]) for job in jobs} == {("succeeded", 1)}
        assert max(job["cost_micros"] for job in jobs) < MAX_COST_MICROS
        for job in jobs:
            assert_ended_once(client, job)
        assert_paid_once(run_query, jobs)
        assert_ledger_balances(running)
        assert run_query(TWICE) == []
        assert run_query("select sum(j.losses) from jobs j") == [(0,)]
        fired = run_query("select count(*) from schedule_runs where outcome = 'submitted'")[0][0]
    record(f"{len(jobs)} jobs, {4 * TIMES} jumps: none repeated, none lost; {fired} by schedules")


def submitted(client: Client) -> list[str]:
    """Submit jobs that run now, and one that is due in a few seconds according to the clock of this process."""
    due = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    later = client.call("POST", "/v1/jobs", {"skill": "noop", "inputs": {"n": 1}, "run_at": due})
    return [*(client.submit("nap", seconds=NAP_S) for _ in range(JOBS)), str(later["id"])]


def clock_lead_s(client: Client) -> float:
    """Return how far the clock of the API is ahead of the clock of this process."""
    date = parsedate_to_datetime(client.request("GET", "/ready").headers["date"])
    return date.timestamp() - time.time()
