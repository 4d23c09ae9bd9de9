"""Functions that raise, exit, hang, fork, hoard or answer junk: each job says so itself, and no neighbour notices."""

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
from tests.chaos.bad_skills import BAD, BAD_SKILLS, UNRULY, UNRULY_SKILL
from tests.chaos.skills import SKILLS
from tests.chaos.watching import Job, assert_ended_once, until, until_ended

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180)]

SIBLINGS = 4
GO_ON_S = 1.0
"""A job beside one that misbehaves has its end this long after that one's at the latest."""
MAX_LOGGED_CHARACTERS = 2 << 20


class Seen(NamedTuple):
    """What became of everybody's jobs."""

    client: Client
    bad: dict[str, Job]
    neighbours: list[Job]
    siblings: dict[str, list[Job]]
    """For each thing that a job of a skill did: that job, then the well-behaved ones of the same skill."""


@pytest.fixture(scope="module")
def seen() -> Iterator[Seen]:
    """Every bad function at once, while another project goes about its work."""
    settings = {"PURAS_JOB_DISK_MB": "64", "UV_OFFLINE": "1"}
    with (
        instance(**settings) as running,
        running.client(_project_apart(running)) as client,
        _neighbour(running) as neighbour,
    ):
        client.push({**BAD_SKILLS, **UNRULY_SKILL})
        neighbour.push(SKILLS)
        bad = {name: client.submit(name) for name in BAD}
        neighbours = []
        while not _all_ended(client):
            neighbours.append(neighbour.run("noop", {"n": len(neighbours)}))
        ended = dict(zip(bad, until_ended(client, bad.values(), 60), strict=True))
        yield Seen(client, ended, neighbours, {do: _beside_each_other(client, do) for do in UNRULY})


def _project_apart(running: Running) -> str:
    """A project whose processes the system counts apart: their user follows from its number, here or next door."""
    with psycopg.connect(attach(Settings(home=running.home)).database_url) as connection:
        connection.execute("select setval(pg_get_serial_sequence('projects', 'number'), 9000)")
    return running.add_project()


@pytest.mark.parametrize("name", BAD)
def test_the_job_says_what_its_function_did(seen: Seen, name: str) -> None:
    job, expected = seen.bad[name], BAD[name]
    assert (job["status"], job["error_code"]) == (
        "succeeded" if expected.code is None else "failed",
        expected.code,
    ), job["error"]
    assert expected.says in (job["error"] or "")
    assert_ended_once(seen.client, job)


def test_the_log_of_a_failed_function_names_the_line(seen: Seen) -> None:
    text = _logged(seen, "raises")
    assert 'main.py", line 5, in run' in text
    assert "ValueError: the seventh row has no price" in text


def test_what_a_function_prints_without_end_is_cut_and_said_so(seen: Seen) -> None:
    text = _logged(seen, "prints")
    assert len(text) < MAX_LOGGED_CHARACTERS
    assert re.search(r"[0-9,]+ bytes of further output were not stored", text)


def test_a_neighbour_notices_nothing(seen: Seen) -> None:
    assert len(seen.neighbours) > 5
    assert [job["result"] for job in seen.neighbours] == [{"n": n} for n in range(len(seen.neighbours))]
    assert {job["attempt"] for job in seen.neighbours} == {1}


@pytest.mark.parametrize("do", UNRULY)
def test_siblings_of_a_bad_job_go_on_when_it_has_ended(seen: Seen, do: str) -> None:
    bad, *siblings = seen.siblings[do]
    assert (bad["status"], bad["error_code"]) == ("failed", BAD[do].code), bad["error"]
    assert [(job["result"], job["attempt"]) for job in siblings] == [({"fine": True}, 1)] * SIBLINGS
    late_s = max((_finished(job) - _finished(bad)).total_seconds() for job in siblings)
    assert late_s <= GO_ON_S


def _beside_each_other(client: Client, do: str) -> list[Job]:
    """A job that does this, and as soon as it runs some of the same skill, hence of the same warm parent."""
    client.run("mixed", {"do": "fine"})
    bad = client.submit("mixed", do=do)
    until(lambda: client.call("GET", f"/v1/jobs/{bad}")["started_at"], 30, "it does not start")
    siblings = [client.submit("mixed", do="fine") for _ in range(SIBLINGS)]
    return until_ended(client, [bad, *siblings], 60)


def _finished(job: Job) -> datetime:
    return datetime.fromisoformat(job["finished_at"])


def _neighbour(running: Running) -> Client:
    return running.client(running.add_project())


def _all_ended(client: Client) -> bool:
    return not any(client.call("GET", f"/v1/jobs?status={status}") for status in ("queued", "running"))


def _logged(seen: Seen, name: str) -> str:
    events = seen.client.call("GET", f"/v1/jobs/{seen.bad[name]['id']}/events")
    return "".join(event["payload"]["text"] for event in events if event["type"] == "log")
