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
from tests.chaos.checks import RunQuery


def query_runner(running: Running) -> RunQuery:
    """Return a function that queries the database of a running instance."""
    database_url = database_url_of(running)

    def run_query(query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(database_url) as connection:
            return connection.execute(query).fetchall()

    return run_query


def database_url_of(running: Running) -> str:
    """Return the URL of its embedded PostgreSQL."""
    return attach(Settings(home=running.home)).database_url


def running_jobs(run_query: RunQuery) -> int:
    """Return the number of running jobs."""
    return int(str(run_query("select count(*) from jobs where status = 'running'")[0][0]))


def operate_json(home: Path, *arguments: str) -> Any:
    """Run a command of `puras-studio` on the home, and return its JSON output."""
    return json.loads(operate(home, *arguments, "--json"))


def operate(home: Path, *arguments: str) -> str:
    """Run a command of `puras-studio` on the home, and return its output."""
    ran = commands.run(arguments, environment(home, 1))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@contextmanager
def servers(home: Path) -> Iterator[str]:
    """Start only the databases of the home, and yield the URL of PostgreSQL."""
    settings = Settings(home=home)
    try:
        yield embedded.start(settings).database_url
    finally:
        embedded.stop(settings)
