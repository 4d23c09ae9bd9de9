"""The clock of the database jumps while jobs wait: waits follow it, and the clock of the host does not matter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from backend.core.db.engine import Database
from tests.conftest import empty
from tests.factories.movable_clock import movable_clock, move
from tests.integration.deployments.conftest import make_project, project
from tests.integration.steps.conftest import Functions, functions, idle

__all__ = ["functions", "idle", "make_project", "project"]

HOUR_S = 3600.0
SLEEP = """
    import time
    from puras import EventTimeout, sleep, step, wait_for_event


    def run(kind):
        first = step("one", lambda: 1)
        if kind == "sleep":
            sleep(3000)
        else:
            try:
                wait_for_event("never", timeout_s=3000)
            except EventTimeout:
                pass
        return first + 1
"""


@pytest.fixture
def movable(database_url: str) -> Iterator[None]:
    """Make the clock of the database adjustable."""
    empty(database_url)
    with movable_clock(database_url):
        yield


@pytest_asyncio.fixture
async def database(movable: None, database_url: str) -> AsyncIterator[Database]:
    """Connect to the database whose clock can be changed."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.mark.parametrize("kind", ["sleep", "event"])
async def test_waits_follow_the_clock_of_the_database(
    functions: Functions, database_url: str, kind: str
) -> None:
    await functions.deploy(SLEEP)
    job_id = await functions.submit(kind=kind)
    await functions.until(job_id, "waiting")
    (before,) = await functions.query("select wake_at from job_waits")
    move(database_url, -HOUR_S)
    await asyncio.sleep(3)
    assert (await functions.job(job_id))["status"] == "waiting"
    assert await functions.query("select wake_at from job_waits") == [before]
    move(database_url, HOUR_S)
    job = await functions.until(job_id)
    assert (job["status"], job["result"], job["attempt"]) == ("succeeded", 2, 1)
    move(database_url, 0)
