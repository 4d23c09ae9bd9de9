"""A whole instance, started as an operator would, for tests that kill parts of it; and a table of what they saw."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.client import Client
from benchmarks.instance import Running, instance
from tests.chaos.homes import asking
from tests.chaos.settings import two_workers
from tests.chaos.skills import SKILLS
from tests.chaos.table import lines_of, rounds_of, rows_of
from tests.chaos.watching import Ask
from tests.doubles.messages import MessagesServer

TOLD_OF = ("tests/chaos/", "tests/contract/attack/", "tests/fuzz/")
"""Whose tests stand in the table."""


@pytest.fixture(scope="session")
def upstream() -> Iterator[MessagesServer]:
    """The server behind every language model of the instance."""
    with MessagesServer().running() as server:
        yield server


@pytest.fixture(scope="session")
def running(upstream: MessagesServer) -> Iterator[Running]:
    """An instance with two worker processes, where time costs money, and the test skills deployed."""
    with instance(**two_workers(upstream)) as running:
        with running.client() as client:
            client.push(SKILLS)
        yield running


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    """A connection to it."""
    with running.client() as client:
        yield client


@pytest.fixture
def books(running: Running) -> Ask:
    """Asks the instance's own database."""
    return asking(running)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for homes, short and open for passing: the database's account must reach homes in it."""
    with tempfile.TemporaryDirectory(prefix="pk-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes what a test saw, for the table at the end."""
    return lambda seen: request.node.user_properties.append(("told", seen))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note the rounds where the table finds them."""
    item.user_properties.append(("rounds", rounds_of(item)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was tried and what became of it."""
    reports = [
        report
        for outcome in ("", "passed", "failed", "error", "skipped")  # "": before and after a test
        for report in terminalreporter.stats.get(outcome, ())
        if isinstance(report, pytest.TestReport) and report.nodeid.startswith(TOLD_OF)
    ]
    lines = list(lines_of(rows_of(reports)))
    if lines:
        terminalreporter.section("promises under fire")
    for line in lines:
        terminalreporter.write_line(line)
