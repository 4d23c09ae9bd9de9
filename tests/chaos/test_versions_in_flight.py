"""Two hundred running jobs while other versions are activated: each finishes on its own version."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running, instance
from tests.chaos.checks import until, until_ended
from tests.chaos.rounds import ROUNDS
from tests.chaos.skills import SKILLS, upload

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180 * ROUNDS)]

IN_FLIGHT = 200
WAITING = 10


@pytest.fixture(scope="module")
def large_instance() -> Iterator[Running]:
    """Run an instance in which all jobs of one project can run concurrently."""
    settings = {
        "PURAS_WORKER_PROCESSES": "2",
        "PURAS_WORKER_JOBS": str(IN_FLIGHT // 2),
        "PURAS_PROJECT_CONCURRENCY": str(IN_FLIGHT + 2 * WAITING),
    }
    with instance(**settings) as running:
        yield running


def test_jobs_finish_on_the_version_they_were_submitted_to(
    large_instance: Running, record: Callable[[str], None]
) -> None:
    with large_instance.client() as client:
        first = client.push(skills_of(1))
        for number in range(ROUNDS):
            release = f"release-{number}"
            submitted = submit(client, IN_FLIGHT, release, version=1)
            until(lambda: count(client, "running") == IN_FLIGHT, 60, "not all jobs run concurrently")
            client.push(skills_of(2))
            submitted |= submit(client, WAITING, release, version=2)
            client.call("POST", f"/v1/deployments/{first['id']}/activate")
            submitted |= submit(client, WAITING, release, version=1)
            assert count(client, "running") == IN_FLIGHT, "some jobs ended before another version was active"
            upload(client, release)
            for job in until_ended(client, submitted, 60):
                assert (job["status"], job["result"]) == ("succeeded", {"version": submitted[job["id"]]})
    record(
        f"{IN_FLIGHT} running and {2 * WAITING} waiting through {2 * ROUNDS} activations: each on its own version"
    )


def skills_of(version: int) -> dict[str, bytes]:
    """Return the test skills with this version in the result of `held`."""
    main = SKILLS["skills/held/main.py"].replace(b'"version": 1', b'"version": %d' % version)
    return {**SKILLS, "skills/held/main.py": main}


def submit(client: Client, number: int, release: str, *, version: int) -> dict[str, int]:
    """Submit jobs that wait for a release, and return the expected version by job ID."""
    return {client.submit("held", until=release): version for _ in range(number)}


def count(client: Client, status: str) -> int:
    """Return the number of jobs with a status."""
    return len(client.call("GET", f"/v1/jobs?status={status}&limit={IN_FLIGHT}"))
