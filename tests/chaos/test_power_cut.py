"""SIGKILL of every process of an instance, its databases included, in the middle of many jobs."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.instance import instance
from tests.chaos.homes import asking
from tests.chaos.processes import children_called, kill
from tests.chaos.rounds import ROUNDS
from tests.chaos.settings import two_workers
from tests.chaos.skills import SKILLS
from tests.chaos.soak.load import walk
from tests.chaos.watching import (
    assert_books_add_up,
    assert_ended_once,
    assert_paid_once,
    until,
    until_ended,
)
from tests.doubles.messages import MessagesServer

JOBS = 200
AGENTS = 20
"""Of the jobs; the others are functions."""
CUTS = min(4, ROUNDS)
pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(400 * (CUTS + 1))]
ENDED = "select count(*) from jobs where finished_at is not null"
RUN = "select count(*) from jobs where status = 'running'"


def test_an_instance_that_is_killed_whole_goes_on_by_itself(
    folder: Path, upstream: MessagesServer, told: Callable[[str], None]
) -> None:
    home, settings = folder / "home", two_workers(upstream)
    upstream.script = walk
    cut: list[int] = []
    with instance(home, **settings) as one, one.client() as client:
        client.push(SKILLS)
        api_key, ask = one.api_key, asking(one)
        agents = [client.submit("wander", topic=f"cut-{n}") for n in range(AGENTS)]
        job_ids = agents + [client.submit("nap", seconds=0.2 + n % 7 / 10) for n in range(JOBS - AGENTS)]
        until(lambda: int(str(ask(ENDED)[0][0])) >= JOBS // (2 * CUTS), 300, "too few jobs end")
        cut.append(int(str(ask(RUN)[0][0])))
        kill(children_called(one.process.pid, home, ""))
        one.process.wait()
    for number in range(1, CUTS):
        with instance(home, **settings) as again:
            ask, enough = asking(again), (number + 1) * JOBS // (2 * CUTS)
            until(lambda: int(str(ask(ENDED)[0][0])) >= enough, 300, "too few jobs end")  # noqa: B023
            cut.append(int(str(ask(RUN)[0][0])))
            kill(children_called(again.process.pid, home, ""))
            again.process.wait()
    began = time.monotonic()
    with instance(home, **settings) as last, last.client(api_key) as client:
        jobs = until_ended(client, job_ids, 300)
        took_s = time.monotonic() - began
        assert {job["status"] for job in jobs} == {"succeeded"}
        for job in jobs:
            assert_ended_once(client, job)
        ask = asking(last)
        assert_paid_once(ask, jobs)
        assert ask("select count(*) from job_queue") == [(0,)]
        assert ask("select sum(admitted), sum(parked) from admissions") == [(0, 0)]
        assert_books_add_up(last)
    again_ran = sum(job["attempt"] > 1 for job in jobs)
    assert again_ran, "no job was hit"
    told(
        f"{JOBS} jobs, everything killed {CUTS} times while {cut} ran: {again_ran} ran again, 0 lost, 0 paid twice; "
        f"all had ended {took_s:.0f} s after the last start"
    )
