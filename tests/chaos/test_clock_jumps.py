"""A wall clock is set by an hour while jobs run: that of the database, or that of the host of API and workers."""

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
from tests.chaos.homes import asking, operate, running_jobs, servers
from tests.chaos.rounds import ROUNDS
from tests.chaos.settings import two_workers
from tests.chaos.skills import SKILLS, upload
from tests.chaos.watching import (
    Job,
    assert_books_add_up,
    assert_ended_once,
    assert_paid_once,
    until,
    until_ended,
)
from tests.doubles.messages import MessagesServer
from tests.factories.movable_clock import make_movable, move

TIMES = min(3, ROUNDS)
pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600 * TIMES)]

HOUR_S = 3600.0
HELD = 8
"""Jobs that run from before the jump until after the stay."""
JOBS = 30
NAP_S = 0.5
STAYS_S = 12.0
"""Longer than the lease of a worker."""
MAX_COST_MICROS = 600_000
"""Ten minutes cost that much, an hour six times as much."""
REASONS = "select payload->>'reason', count(*) from job_events where type = 'requeued' group by 1"
TWICE = "select due_at, count(*) from schedule_runs group by schedule_id, due_at having count(*) > 1"


@contextmanager
def database_with_clock(home: Path) -> Iterator[tuple[Callable[[float], None], dict[str, str]]]:
    """Yield what sets the clock that every statement reads: leases, places in the queue and schedules depend on it."""
    with servers(home) as database_url:
        operate(home, "migrate")
        make_movable(database_url)
        yield lambda ahead_s: move(database_url, ahead_s), {}


@contextmanager
def host_with_clock(home: Path) -> Iterator[tuple[Callable[[float], None], dict[str, str]]]:
    """Yield what sets the wall clock of API and workers, and the settings with which they read it.

    As when the clock of a host is set, time that only passes (`CLOCK_MONOTONIC`) goes on as before.
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
def test_no_job_runs_twice_or_is_lost_when_a_clock_is_set(
    folder: Path,
    upstream: MessagesServer,
    told: Callable[[str], None],
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
        ask = asking(running)
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
                job_ids += [client.submit("held", until=name) for _ in range(HELD)]
                until(lambda: running_jobs(ask) >= HELD, 120, "the first jobs do not run")
                job_ids += submitted(client)
                jump(ahead_s)
                time.sleep(STAYS_S)
                if clock is host_with_clock:
                    assert abs(ahead_of_here_s(client) - ahead_s) < 5
                upload(client, name)
            jobs += until_ended(client, job_ids, 300)
        assert ask(REASONS) == []
        assert {(job["status"], job["attempt"]) for job in jobs} == {("succeeded", 1)}
        assert max(job["cost_micros"] for job in jobs) < MAX_COST_MICROS
        for job in jobs:
            assert_ended_once(client, job)
        assert_paid_once(ask, jobs)
        assert_books_add_up(running)
        assert ask(TWICE) == []
        assert ask("select sum(losses) from jobs") == [(0,)]
        fired = ask("select count(*) from schedule_runs where outcome = 'submitted'")[0][0]
    told(f"{len(jobs)} jobs, {4 * TIMES} jumps: none twice, none lost; {fired} by schedules")


def submitted(client: Client) -> list[str]:
    """Submit jobs that run now, and one that is due in a few seconds by the clock of this machine."""
    due = (datetime.now(UTC) + timedelta(seconds=3)).isoformat()
    later = client.call("POST", "/v1/jobs", {"skill": "noop", "inputs": {"n": 1}, "run_at": due})
    return [*(client.submit("nap", seconds=NAP_S) for _ in range(JOBS)), str(later["id"])]


def ahead_of_here_s(client: Client) -> float:
    """Return how far the clock of the API is ahead of the clock of this process."""
    date = parsedate_to_datetime(client.ask("GET", "/ready").headers["date"])
    return date.timestamp() - time.time()
