"""A whole instance, started as an operator would, for the tests that kill parts of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from backend.config import Settings
from backend.embedded import attach
from benchmarks.instance import Client, Running, instance
from tests.chaos.skills import SKILLS


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """An instance with two worker processes and the test skills deployed."""
    with instance(PURAS_WORKER_PROCESSES="2", PURAS_WORKER_JOBS="8") as running:
        running.client().push(SKILLS)
        yield running


@pytest.fixture
def client(running: Running) -> Client:
    """A connection to it."""
    return running.client()


@pytest.fixture
def books(running: Running) -> Callable[[str], list[tuple[object, ...]]]:
    """Asks the instance's own database."""
    database_url = attach(Settings(home=running.home)).database_url

    def ask(query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(database_url) as connection:
            return connection.execute(query).fetchall()  # type: ignore[arg-type]  # a literal of the test itself

    return ask
