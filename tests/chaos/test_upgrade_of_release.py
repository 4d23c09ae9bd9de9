"""The database of the last release, left by a power cut with jobs in every state, upgrades, and its jobs end."""

from __future__ import annotations

import json
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.migrations import run as migrations
from benchmarks.instance import instance
from tests.chaos.homes import asking, operate, servers
from tests.chaos.release.freeze import ARCHIVE, KEPT, program, script
from tests.chaos.settings import two_workers
from tests.chaos.test_going_back import LIMITS, PLACES
from tests.chaos.watching import assert_books_add_up, assert_ended_once, assert_paid_once, until_ended
from tests.doubles.messages import MessagesServer

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]


def test_jobs_of_the_last_release_end_after_the_upgrade(
    folder: Path, upstream: MessagesServer, told: Callable[[str], None]
) -> None:
    home = folder / "home"
    home.mkdir(mode=0o755)
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    for kept in KEPT:
        (folder / kept).rename(home / kept)
    with servers(home) as database_url:
        command = [program(home, "psql"), "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", database_url]
        subprocess.run([*command, "--file", folder / "dump.sql"], check=True, capture_output=True)
        assert migrations.current_revision(database_url) == facts["revision"]
        operate(home, "migrate")
        migrations.check(database_url)
    script(upstream)
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
        ask = asking(running)
        for job in jobs:
            assert_ended_once(client, job)
        assert_paid_once(ask, jobs)
        assert ask(PLACES) == [(0, 0, 0)]
        assert_books_add_up(running)
    told(f"{len(jobs)} jobs of revision {facts['revision']}: all ended once and were paid once")
