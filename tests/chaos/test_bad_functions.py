"""Functions that fail, exit, hang or exhaust resources: each job reports the error; other jobs are unaffected."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import psycopg
import pytest

from backend.config import Settings
from backend.embedded import attach
from benchmarks.client import Client
from benchmarks.instance import Running, instance
from tests.chaos.bad_skills import BAD, BAD_SKILLS, MIXED_BEHAVIORS, MIXED_SKILL
from tests.chaos.checks import Job, assert_ended_once, until, until_ended
from tests.chaos.skills import SKILLS

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

SIBLINGS = 4
MAX_DELAY_S = 1.0
"""The maximum time between the end of a job that misbehaves and the ends of concurrent jobs of its skill."""
MAX_LOGGED_CHARACTERS = 2 << 20


class Results(NamedTuple):
    """The results of the jobs of all projects."""

    client: Client
    bad: dict[str, Job]
    neighbors: list[Job]
    siblings: dict[str, list[Job]]
    """For each behavior: the job that misbehaved, then the other jobs of the same skill."""


@pytest.fixture(scope="module")
def results() -> Iterator[Results]:
    """Run all bad functions concurrently, while another project runs jobs."""
    settings = {"PURAS_JOB_DISK_MB": "64", "UV_OFFLINE": "1"}
    with (
        instance(**settings) as running,
        running.client(_project_with_separate_user(running)) as client,
        _neighbor(running) as neighbor,
    ):
        client.push({**BAD_SKILLS, **MIXED_SKILL})
        neighbor.push(SKILLS)
        bad = {name: client.submit(name) for name in BAD}
        neighbors = []
        while not _all_ended(client):
            neighbors.append(neighbor.run("noop", {"n": len(neighbors)}))
        ended = dict(zip(bad, until_ended(client, bad.values(), 60), strict=True))
        yield Results(client, ended, neighbors, {do: _run_concurrently(client, do) for do in MIXED_BEHAVIORS})


def _project_with_separate_user(running: Running) -> str:
    """Create a project with a unique user for its processes; the user ID follows from the number of the project."""
    with psycopg.connect(attach(Settings(home=running.home)).database_url) as connection:
        connection.execute("select setval(pg_get_serial_sequence('projects', 'number'), 9000)")
    return running.add_project()


@pytest.mark.parametrize("name", BAD)
def test_job_reports_the_failure_of_its_function(results: Results, name: str) -> None:
    job, expected = results.bad[name], BAD[name]
    assert (job["status"], job["error_code"]) == (
        "succeeded" if expected.code is None else "failed",
        expected.code,
    ), job["error"]
    assert expected.message in (job["error"] or "")
    assert_ended_once(results.client, job)


def test_log_of_failed_function_names_the_line(results: Results) -> None:
    text = _logged(results, "raises")
    assert 'main.py", line 5, in run' in text
    assert "ValueError: the seventh row has no price" in text


def test_excessive_output_is_truncated_and_reported(results: Results) -> None:
    text = _logged(results, "prints")
    assert len(text) < MAX_LOGGED_CHARACTERS
    assert re.search(r"[0-9,]+ bytes of further output were not stored", text)


def test_bad_functions_do_not_affect_other_projects(results: Results) -> None:
    assert len(results.neighbors) > 5
    assert [job["result"] for job in results.neighbors] == [{"n": n} for n in range(len(results.neighbors))]
    assert {job["attempt"] for job in results.neighbors} == {1}


@pytest.mark.parametrize("do", MIXED_BEHAVIORS)
def test_jobs_of_same_skill_continue_after_a_bad_job(results: Results, do: str) -> None:
    bad, *siblings = results.siblings[do]
    assert (bad["status"], bad["error_code"]) == ("failed", BAD[do].code), bad["error"]
    assert [(job["result"], job["attempt"]) for job in siblings] == [({"fine": True}, 1)] * SIBLINGS
    late_s = max((_finished(job) - _finished(bad)).total_seconds() for job in siblings)
    assert late_s <= MAX_DELAY_S


def _run_concurrently(client: Client, do: str) -> list[Job]:
    """Run a job with this behavior and, as soon as it runs, other jobs of the same skill, hence of the same zygote."""
    client.run("mixed", {"do": "fine"})
    bad = client.submit("mixed", do=do)
    until(lambda: client.call("GET", f"/v1/jobs/{bad}")["started_at"], 30, "it does not start")
    siblings = [client.submit("mixed", do="fine") for _ in range(SIBLINGS)]
    return until_ended(client, [bad, *siblings], 60)


def _finished(job: Job) -> datetime:
    return datetime.fromisoformat(job["finished_at"])


def _neighbor(running: Running) -> Client:
    return running.client(running.add_project())


def _all_ended(client: Client) -> bool:
    return not any(client.call("GET", f"/v1/jobs?status={status}") for status in ("queued", "running"))


def _logged(results: Results, name: str) -> str:
    events = results.client.call("GET", f"/v1/jobs/{results.bad[name]['id']}/events")
    return "".join(event["payload"]["text"] for event in events if event["type"] == "log")
