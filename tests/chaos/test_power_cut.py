"""SIGKILL of every process of an instance, databases included, while many jobs run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.instance import instance
from tests.chaos.checks import (
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    until,
    until_ended,
)
from tests.chaos.homes import query_runner
from tests.chaos.processes import children_called, kill
from tests.chaos.rounds import ROUNDS
from tests.chaos.settings import two_workers
from tests.chaos.skills import SKILLS
from tests.chaos.soak.load import reply
from tests.doubles.messages import MessagesServer

JOBS = 200
AGENTS = 20
"""The number of jobs that are agents; the others are functions."""
CUTS = min(4, ROUNDS)
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(400 * (CUTS + 1))]
ENDED = "select count(*) from jobs where finished_at is not null"
RUN = "select count(*) from jobs where status = 'running'"


def test_instance_recovers_from_a_power_cut(
    folder: Path, upstream: MessagesServer, record: Callable[[str], None]
) -> None:
    home, settings = folder / "home", two_workers(upstream)
    upstream.script = reply
    running_at_cut: list[int] = []
    with instance(home, **settings) as one, one.client() as client:
        client.push(SKILLS)
        api_key, run_query = one.api_key, query_runner(one)
        agents = [client.submit("wander", topic=f"cut-{n}") for n in range(AGENTS)]
        job_ids = agents + [client.submit("nap", seconds=0.2 + n % 7 / 10) for n in range(JOBS - AGENTS)]
        until(lambda: int(str(run_query(ENDED)[0][0])) >= JOBS // (2 * CUTS), 300, "too few jobs end")
        running_at_cut.append(int(str(run_query(RUN)[0][0])))
        kill(children_called(one.process.pid, home, ""))
        one.process.wait()
    for number in range(1, CUTS):
        with instance(home, **settings) as again:
            run_query, enough = query_runner(again), (number + 1) * JOBS // (2 * CUTS)
            until(lambda: int(str(run_query(ENDED)[0][0])) >= enough, 300, "too few jobs end")  # noqa: B023
            running_at_cut.append(int(str(run_query(RUN)[0][0])))
            kill(children_called(again.process.pid, home, ""))
            again.process.wait()
    began = time.monotonic()
    with instance(home, **settings) as last, last.client(api_key) as client:
        jobs = until_ended(client, job_ids, 300)
        took_s = time.monotonic() - began
        assert {job["status"] for job in jobs} == {"succeeded"}
        for job in jobs:
            assert_ended_once(client, job)
        run_query = query_runner(last)
        assert_paid_once(run_query, jobs)
        assert run_query("select count(*) from job_queue") == [(0,)]
        assert run_query("select sum(a.admitted), sum(a.parked) from admissions a") == [(0, 0)]
        assert_ledger_balances(last)
    retried = sum(job["attempt"] > 1 for job in jobs)
    assert retried, "no job was hit"
    record(
        f"{JOBS} jobs, everything killed {CUTS} times while {running_at_cut} ran: {retried} retried, 0 lost, "
        f"0 paid twice; all had ended {took_s:.0f} s after the last start"
    )
