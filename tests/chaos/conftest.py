"""A whole instance, started as an operator would, for the tests that kill parts of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from backend.config import Settings
from backend.embedded import attach
from benchmarks.instance import NOOP_SKILL, Client, Running, instance

ECHO = {
    **NOOP_SKILL,
    "skills/version/skill.yaml": b"""\
entrypoint: main.py:run
description: Says which version it is of.
input_schema: {type: object, properties: {seconds: {type: number, default: 0}}}
output_schema: {type: object, properties: {version: {type: integer}}}
""",
    "skills/version/main.py": b"import time\n\n\ndef run(seconds):\n    time.sleep(seconds)\n    return {'version': 1}\n",
    "skills/talk/skill.yaml": b"""\
entrypoint: main.py:run
description: Prints lines for a while.
input_schema: {type: object, properties: {lines: {type: integer}, width: {type: integer, default: 40}}}
output_schema: {type: object, properties: {lines: {type: integer}}}
""",
    "skills/talk/main.py": b"""\
import time


def run(lines, width):
    for line in range(lines):
        print(f"{line} " + "x" * width, flush=True)
        if line % 10 == 0:
            time.sleep(0.02)
    return {"lines": lines}
""",
}


@pytest.fixture(scope="session")
def running() -> Iterator[Running]:
    """An instance with two worker processes and the test skills deployed."""
    with instance(PURAS_WORKER_PROCESSES="2", PURAS_WORKER_JOBS="8") as running:
        running.client().push(ECHO)
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
