"""A whole instance, started as an operator would, for tests that kill parts of it; and a table of what they saw."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from backend.config import Settings
from backend.embedded import attach
from benchmarks.client import Client
from benchmarks.instance import Running, instance
from tests.chaos.skills import SKILLS

TABLE = pytest.StashKey[list[tuple[str, str]]]()


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """An instance with two worker processes, where time costs money, and the test skills deployed."""
    settings = {
        "PURAS_WORKER_PROCESSES": "2",
        "PURAS_WORKER_JOBS": "8",
        "PURAS_COMPUTE_MICROS_PER_SECOND": "1000",
    }
    with instance(**settings) as running:
        with running.client() as client:
            client.push(SKILLS)
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    """A connection to it."""
    with running.client() as client:
        yield client


@pytest.fixture
def books(running: Running) -> Callable[[str], list[tuple[object, ...]]]:
    """Asks the instance's own database."""
    database_url = attach(Settings(home=running.home)).database_url

    def ask(query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(database_url) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]  # a literal of the test itself

    return ask


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes what a test saw, for the table at the end."""
    promise = request.node.name.removeprefix("test_").replace("_", " ")
    rows = request.config.stash.setdefault(TABLE, [])
    return lambda seen: rows.append((promise, seen))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print what was killed and what became of the jobs."""
    rows = config.stash.get(TABLE, [])
    if not rows:
        return
    width = max(len(promise) for promise, _ in rows)
    terminalreporter.section("promises under fire")
    for promise, seen in rows:
        terminalreporter.write_line(f"{promise:<{width}}  {seen}")
