"""Two hundred jobs in flight while the version is switched and switched back: each ends on its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running, instance
from tests.chaos.rounds import ROUNDS
from tests.chaos.skills import SKILLS, upload
from tests.chaos.watching import until, until_ended

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(180 * ROUNDS)]

IN_FLIGHT = 200
WAITING = 10


@pytest.fixture(scope="module")
def wide() -> Iterator[Running]:
    """An instance in which one project's jobs can all run at once."""
    settings = {
        "PURAS_WORKER_PROCESSES": "2",
        "PURAS_WORKER_JOBS": str(IN_FLIGHT // 2),
        "PURAS_PROJECT_CONCURRENCY": str(IN_FLIGHT + 2 * WAITING),
    }
    with instance(**settings) as running:
        yield running


def test_every_job_ends_on_the_version_it_was_submitted_to(
    wide: Running, told: Callable[[str], None]
) -> None:
    with wide.client() as client:
        first = client.push(skills_of(1))
        for number in range(ROUNDS):
            release = f"release-{number}"
            submitted = submit(client, IN_FLIGHT, release, version=1)
            until(lambda: count(client, "running") == IN_FLIGHT, 60, "they do not all run at once")
            client.push(skills_of(2))
            submitted |= submit(client, WAITING, release, version=2)
            client.call("POST", f"/v1/deployments/{first['id']}/activate")
            submitted |= submit(client, WAITING, release, version=1)
            assert count(client, "running") == IN_FLIGHT, "some ended before the versions had changed"
            upload(client, release)
            for job in until_ended(client, submitted, 60):
                assert (job["status"], job["result"]) == ("succeeded", {"version": submitted[job["id"]]})
    told(
        f"{IN_FLIGHT} running and {2 * WAITING} waiting through {2 * ROUNDS} switches: each on its own version"
    )


def skills_of(version: int) -> dict[str, bytes]:
    main = SKILLS["skills/held/main.py"].replace(b'"version": 1', b'"version": %d' % version)
    return {**SKILLS, "skills/held/main.py": main}


def submit(client: Client, number: int, release: str, *, version: int) -> dict[str, int]:
    return {client.submit("held", until=release): version for _ in range(number)}


def count(client: Client, status: str) -> int:
    return len(client.call("GET", f"/v1/jobs?status={status}&limit={IN_FLIGHT}"))
