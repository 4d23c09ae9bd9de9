"""The database of the last release, after a power cut with jobs in every state, is upgraded, and its jobs finish."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from backend.migrations import run as migrations
from benchmarks.instance import instance
from tests.chaos.checks import assert_ended_once, assert_ledger_balances, assert_paid_once, until_ended
from tests.chaos.homes import operate, query_runner, servers
from tests.chaos.release.freeze import ARCHIVE, ARCHIVED_FOLDERS, program, set_script
from tests.chaos.settings import two_workers
from tests.chaos.test_downgrades import LIMITS, QUEUE_ENTRIES
from tests.doubles.messages import MessagesServer

_COLUMNS = """
select table_name, column_name from information_schema.columns
where table_schema = 'public' and table_name in ('approvals', 'jobs', 'job_queue')
  and data_type = 'timestamp with time zone'
"""
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


def test_jobs_of_the_last_release_end_after_the_upgrade(
    folder: Path, upstream: MessagesServer, record: Callable[[str], None]
) -> None:
    home = folder / "home"
    home.mkdir(mode=0o755)
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    for name in ARCHIVED_FOLDERS:
        (folder / name).rename(home / name)
    with servers(home) as database_url:
        command = [program(home, "psql"), "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", database_url]
        subprocess.run([*command, "--file", folder / "dump.sql"], check=True, capture_output=True)
        assert migrations.current_revision(database_url) == facts["revision"]
        make_recent(database_url)
        operate(home, "migrate")
        migrations.check(database_url)
    set_script(upstream)
    upstream.script = upstream.script[1:]  # the first reply is in the job's journal
    with (
        instance(home, **{**two_workers(upstream), **LIMITS}) as running,
        running.client(facts["api_key"]) as client,
    ):
        assert client.call("GET", f"/v1/jobs/{facts['ended']}")["result"] == {"n": 1}
        (approval,) = client.call("GET", f"/v1/approvals?status=pending&job_id={facts['approved']}")
        client.call("POST", f"/v1/approvals/{approval['id']}/approve", {})
        jobs = until_ended(client, facts["jobs"], 300)
        assert {job["status"] for job in jobs} == {"succeeded"}
        run_query = query_runner(running)
        for job in jobs:
            assert_ended_once(client, job)
        assert_paid_once(run_query, jobs)
        assert run_query(QUEUE_ENTRIES) == [(0, 0, 0)]
        assert_ledger_balances(running)
    record(f"{len(jobs)} jobs of revision {facts['revision']}: all ended once and were charged once")


def make_recent(database_url: str) -> None:
    """Move the times of jobs and approvals to now, as if the power cut had just happened, since approvals expire."""
    with psycopg.connect(database_url) as connection:
        age = connection.execute("select now() - max(created_at) from jobs").fetchone()
        assert age is not None
        for table, column in connection.execute(_COLUMNS).fetchall():
            statement = sql.SQL("update {table} set {column} = {column} + %s")
            names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
            connection.execute(statement.format(**names), age)
