"""Start and stop the queues that N2 compares, and measure their rates and that of an instance."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import psycopg
import redis

from benchmarks.clients import connected
from benchmarks.instance import Running
from benchmarks.peers.celery_queue import BROKER_DATABASE, RESULTS_DATABASE
from benchmarks.temporary import marked

MAX_S: Final = 120.0
POLL_S: Final = 0.01
WARM_UP: Final = 50
STOP_S: Final = 30.0
DATABASE: Final = "procrastinate"
PROCRASTINATE: Final = "peers.procrastinate_queue"
CELERY: Final = "peers.celery_queue"


class Procrastinate:
    """Procrastinate in a separate database of the same PostgreSQL."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url

    def rate(self, task: str, jobs: int) -> float:
        """Return the jobs per second of a task."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            before = _succeeded(connection)

            def all_ended() -> bool:
                return scalar(connection, _NO_OPEN_JOBS) == 1

            measured = rate(
                self._folder, (PROCRASTINATE, self._url, "submit", task, str(jobs)), jobs, all_ended
            )
            _require(_succeeded(connection) - before, jobs)
        return measured


class Celery:
    """Celery in separate databases of the same Valkey."""

    def __init__(self, folder: Path, socket: str) -> None:
        self._folder = folder
        self._socket = socket

    def rate(self, jobs: int) -> float:
        """Return the jobs per second of a no-op."""
        with redis.Redis(unix_socket_path=self._socket, db=RESULTS_DATABASE) as results:
            results.flushdb()
            expected = jobs + 1  # the clients run a first job before they are ready

            def all_ended() -> bool:
                return int(results.dbsize()) >= expected

            measured = rate(self._folder, (CELERY, self._socket, "submit", str(jobs)), jobs, all_ended)
            _require(int(results.dbsize()), expected)
        return measured


@contextmanager
def procrastinate(folder: Path, database_url: str) -> Iterator[Procrastinate]:
    """Create a database on the server, and run the worker in it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database {DATABASE}")
    url = urlsplit(database_url)._replace(path=f"/{DATABASE}").geturl()
    subprocess.run(_command(PROCRASTINATE, url, "prepare"), check=True, timeout=MAX_S)
    with _worker(folder, PROCRASTINATE, url):
        queue = Procrastinate(folder, url)
        queue.rate("process", WARM_UP)
        yield queue


@contextmanager
def celery(folder: Path, redis_url: str) -> Iterator[Celery]:
    """Run the worker with its own databases of the server."""
    socket = unquote(urlsplit(redis_url).path)
    with _worker(folder, CELERY, socket):
        queue = Celery(folder, socket)
        try:
            queue.rate(WARM_UP)
            yield queue
        finally:
            for number in (BROKER_DATABASE, RESULTS_DATABASE):
                with redis.Redis(unix_socket_path=socket, db=number) as database:
                    database.flushdb()


def rate(folder: Path, clients: tuple[str, ...], jobs: int, all_ended: Callable[[], bool]) -> float:
    """Return the jobs per second, from the first submission of connected clients until all jobs have ended.

    Args:
        folder: The temporary folder with which the clients must end.
        clients: Their module and its arguments.
        jobs: The number of jobs that they submit.
        all_ended: Whether all submitted jobs have ended; it is called after the last submission.
    """
    module, *arguments = clients
    with connected(folder, module, *arguments) as processes:
        began = time.monotonic()
        processes.submit_all()
        while not all_ended():
            if time.monotonic() - began > MAX_S:
                raise RuntimeError(f"the jobs of {module} have not ended after {MAX_S:.0f} s")
            time.sleep(POLL_S)
        return jobs / (time.monotonic() - began)


def rate_of_instance(
    running: Running, connection: psycopg.Connection, api_keys: Sequence[str], jobs: int, connections: int
) -> float:
    """Return the no-op jobs per second of an instance, whose projects the connections use in turn."""
    clients = ("load", str(running.port), ",".join(api_keys), str(jobs), str(connections))
    open_jobs = "select (exists (select from jobs where finished_at is null))::int"
    return rate(running.home, clients, jobs, lambda: scalar(connection, open_jobs) == 0)


def scalar(connection: psycopg.Connection, query: str) -> int:
    """Return the number that a query returns."""
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


_NO_OPEN_JOBS: Final = """
select (not exists (select from procrastinate_jobs where status in ('todo', 'doing')))::int
"""


def _succeeded(connection: psycopg.Connection) -> int:
    return scalar(connection, "select count(*) from procrastinate_jobs where status = 'succeeded'")


def _require(succeeded: int, jobs: int) -> None:
    if succeeded != jobs:
        raise RuntimeError(f"{succeeded:,} of {jobs:,} jobs of the peer have succeeded")


@contextmanager
def _worker(folder: Path, module: str, address: str) -> Iterator[None]:
    with subprocess.Popen(_command(module, address, "work"), env=marked(folder)) as worker:
        try:
            yield
        finally:
            worker.send_signal(signal.SIGTERM)
            try:
                worker.wait(STOP_S)
            except subprocess.TimeoutExpired:
                worker.kill()


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]
