"""A restore, and a step between releases, with jobs in the queue: they go on, and are paid for once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.migrations import run as migrations
from benchmarks.instance import instance
from tests.chaos.homes import asking, operator, running_jobs, servers
from tests.chaos.skills import SKILLS
from tests.chaos.watching import (
    assert_books_add_up,
    assert_ended_once,
    assert_paid_once,
    until,
    until_ended,
)

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

JOBS = 12
PRICED = {"PURAS_COMPUTE_MICROS_PER_SECOND": "1000", "PURAS_WORKER_JOBS": "3", "PURAS_DRAIN_S": "0"}


def test_jobs_go_on_after_a_restore_on_an_empty_home(folder: Path, told: Callable[[str], None]) -> None:
    backup = folder / "backup.tar.gz"
    with instance(folder / "one", **PRICED) as one, one.client() as client:
        client.push(SKILLS)
        ended = client.run("nap", {"seconds": 0.1})
        job_ids = [client.submit("nap", seconds=2.5) for _ in range(JOBS)]
        ask = asking(one)
        until(lambda: running_jobs(ask) == 3, 30, "the first jobs run")
        operator(one.home, "backup", "--with-keys", str(backup))
        api_key = one.api_key

    restored = operator(folder / "two", "restore", str(backup))
    assert restored["requeued_jobs"] >= 1

    with instance(folder / "two", **PRICED) as two, two.client(api_key) as client:
        jobs = until_ended(client, job_ids, 60)
        assert {job["status"] for job in jobs} == {"succeeded"}
        for job in (*jobs, client.call("GET", f"/v1/jobs/{ended['id']}")):
            assert_ended_once(client, job)
        assert_paid_once(asking(two), jobs)
        assert_books_add_up(two)
        assert asking(two)("select sum(losses) from jobs") == [(0,)], "a restore is nobody's fault"
    again = sum(job["attempt"] > 1 for job in jobs)
    told(
        f"{len(jobs)} jobs, {restored['requeued_jobs']} of them running: {again} ran again, 0 lost, 0 paid twice"
    )


def test_jobs_go_on_after_a_step_back_and_forth_between_releases(
    folder: Path, told: Callable[[str], None]
) -> None:
    home, backup = folder / "one", folder / "older.tar.gz"
    with instance(home, PURAS_WORKER_JOBS="1", PURAS_DRAIN_S="0") as one, one.client() as client:
        client.push(SKILLS)
        first, ask = client.submit("nap", seconds=5), asking(one)
        until(lambda: running_jobs(ask) == 1, 30, "the first job runs, and nothing beside it")
        job_ids = [first, *(client.submit("noop", n=n) for n in range(JOBS))]
        api_key = one.api_key

    with servers(home) as database_url:
        migrations.downgrade(database_url, "-1")
        older = migrations.current_revision(database_url)
        assert older != migrations.newest_revision()
        made = operator(home, "backup", "--with-keys", str(backup))
        assert made["revision"] == older
        migrations.upgrade(database_url)

    restored = operator(folder / "two", "restore", str(backup))
    assert (restored["rows"]["job_queue"], restored["requeued_jobs"]) == (JOBS + 1, 0)
    for place in (home, folder / "two"):
        with instance(place) as running, running.client(api_key) as client:
            jobs = until_ended(client, job_ids, 60)
            assert {job["status"] for job in jobs} == {"succeeded"}
            assert [job["result"] for job in jobs] == [{"slept": 5}, *({"n": n} for n in range(JOBS))]
            assert_books_add_up(running)
    told(f"{JOBS + 1} queued jobs went on at {older} and back, and from a backup of {older}")
