"""A complete instance, started as an operator starts it, for tests that kill parts of it; a table of the results."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running, instance
from tests.chaos.checks import RunQuery
from tests.chaos.homes import query_runner
from tests.chaos.settings import two_workers
from tests.chaos.skills import SKILLS
from tests.chaos.table import lines_of, rounds_of, rows_of
from tests.doubles.messages import MessagesServer

REPORTED_FOLDERS = ("tests/chaos/", "tests/contract/attack/", "tests/fuzz/")
"""The folders whose tests are in the table."""


@pytest.fixture(scope="session")
def upstream() -> Iterator[MessagesServer]:
    """Run the server that replies as every language model of the instance."""
    with MessagesServer().running() as server:
        yield server


@pytest.fixture(scope="session")
def running(upstream: MessagesServer) -> Iterator[Running]:
    """Run an instance with two worker processes, a price for compute time, and the test skills deployed."""
    with instance(**two_workers(upstream)) as running:
        with running.client() as client:
            client.push(SKILLS)
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    """Open a connection to the instance."""
    with running.client() as client:
        yield client


@pytest.fixture
def run_query(running: Running) -> RunQuery:
    """Return a function that queries the database of the instance."""
    return query_runner(running)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Create a folder for homes with a short path; the account of the database can enter it."""
    with tempfile.TemporaryDirectory(prefix="pk-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return a function that records an observation of the test for the table."""
    return lambda observation: request.node.user_properties.append(("observation", observation))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Store the number of rounds with the test for the table."""
    item.user_properties.append(("rounds", rounds_of(item)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table of the tests and their results."""
    reports = [
        report
        for outcome in ("", "passed", "failed", "error", "skipped")  # "": before and after a test
        for report in terminalreporter.stats.get(outcome, ())
        if isinstance(report, pytest.TestReport) and report.nodeid.startswith(REPORTED_FOLDERS)
    ]
    lines = list(lines_of(rows_of(reports)))
    if lines:
        terminalreporter.section("guarantees under fault injection")
    for line in lines:
        terminalreporter.write_line(line)
