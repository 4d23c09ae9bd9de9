"""A restore, and a downgrade with an upgrade, with jobs in the queue: the jobs continue, and are charged once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from backend.migrations import run as migrations
from benchmarks.instance import instance
from tests.chaos.checks import (
    assert_ended_once,
    assert_ledger_balances,
    assert_paid_once,
    until,
    until_ended,
)
from tests.chaos.homes import operate_json, query_runner, running_jobs, servers
from tests.chaos.skills import SKILLS

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(300)]

JOBS = 12
PRICED = {"PURAS_COMPUTE_MICROS_PER_SECOND": "1000", "PURAS_WORKER_JOBS": "3", "PURAS_DRAIN_S": "0"}


def test_jobs_continue_after_restore_into_empty_home(folder: Path, record: Callable[[str], None]) -> None:
    backup = folder / "backup.tar.gz"
    with instance(folder / "one", **PRICED) as one, one.client() as client:
        client.push(SKILLS)
        ended = client.run("nap", {"seconds": 0.1})
        job_ids = [client.submit("nap", seconds=2.5) for _ in range(JOBS)]
        run_query = query_runner(one)
        until(lambda: running_jobs(run_query) == 3, 30, "the first jobs do not run")
        operate_json(one.home, "backup", "--with-keys", str(backup))
        api_key = one.api_key

    restored = operate_json(folder / "two", "restore", str(backup))
    assert restored["requeued_jobs"] >= 1

    with instance(folder / "two", **PRICED) as two, two.client(api_key) as client:
        jobs = until_ended(client, job_ids, 60)
        assert {job["status"] for job in jobs} == {"succeeded"}
        for job in (*jobs, client.call("GET", f"/v1/jobs/{ended['id']}")):
            assert_ended_once(client, job)
        assert_paid_once(query_runner(two), jobs)
        assert_ledger_balances(two)
        assert query_runner(two)("select sum(j.losses) from jobs j") == [(0,)], (
            "a restore does not count as a lost worker"
        )
    again = sum(job["attempt"] > 1 for job in jobs)
    record(
        f"{len(jobs)} jobs, {restored['requeued_jobs']} of them running: {again} ran again, 0 lost, 0 paid twice"
    )


def test_jobs_continue_after_downgrade_and_upgrade(folder: Path, record: Callable[[str], None]) -> None:
    home, backup = folder / "one", folder / "older.tar.gz"
    with instance(home, PURAS_WORKER_JOBS="1", PURAS_DRAIN_S="0") as one, one.client() as client:
        client.push(SKILLS)
        first, run_query = client.submit("nap", seconds=5), query_runner(one)
        until(lambda: running_jobs(run_query) == 1, 30, "the first job does not run")
        job_ids = [first, *(client.submit("noop", n=n) for n in range(JOBS))]
        api_key = one.api_key

    with servers(home) as database_url:
        migrations.downgrade(database_url, "-1")
        older = migrations.current_revision(database_url)
        assert older != migrations.newest_revision()
        made = operate_json(home, "backup", "--with-keys", str(backup))
        assert made["revision"] == older
        migrations.upgrade(database_url)

    restored = operate_json(folder / "two", "restore", str(backup))
    assert (restored["rows"]["job_queue"], restored["requeued_jobs"]) == (JOBS + 1, 0)
    for target in (home, folder / "two"):
        with instance(target) as running, running.client(api_key) as client:
            jobs = until_ended(client, job_ids, 60)
            assert {job["status"] for job in jobs} == {"succeeded"}
            assert [job["result"] for job in jobs] == [{"slept": 5}, *({"n": n} for n in range(JOBS))]
            assert_ledger_balances(running)
    record(f"{JOBS + 1} queued jobs continued at {older} and after the upgrade, and from a backup of {older}")
