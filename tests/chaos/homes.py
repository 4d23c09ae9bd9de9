"""The home of an instance while no instance runs on it, and its database while one does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from backend import embedded
from backend.config import Settings
from backend.embedded import attach
from benchmarks import commands
from benchmarks.instance import Running, environment
from tests.chaos.watching import Ask


def asking(running: Running) -> Ask:
    """Return a function that queries the database of a running instance."""
    database_url = database_url_of(running)

    def ask(query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(database_url) as connection:
            return connection.execute(query).fetchall()

    return ask


def database_url_of(running: Running) -> str:
    """Return the URL of its embedded PostgreSQL."""
    return attach(Settings(home=running.home)).database_url


def running_jobs(ask: Ask) -> int:
    """Return how many jobs run."""
    return int(str(ask("select count(*) from jobs where status = 'running'")[0][0]))


def operator(home: Path, *arguments: str) -> Any:
    """Run a command of `puras-studio` on the home; returns its answer as JSON."""
    return json.loads(operate(home, *arguments, "--json"))


def operate(home: Path, *arguments: str) -> str:
    """Run a command of `puras-studio` on the home; returns what it prints."""
    ran = commands.run(arguments, environment(home, 1))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@contextmanager
def servers(home: Path) -> Iterator[str]:
    """Start the databases of the home alone; yields the URL of PostgreSQL."""
    settings = Settings(home=home)
    try:
        yield embedded.start(settings).database_url
    finally:
        embedded.stop(settings)
