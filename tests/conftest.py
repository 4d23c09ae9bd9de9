"""Fixtures for all kinds of tests: a real PostgreSQL and a real Valkey, embedded or given by URL."""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from redis import Redis

from backend import embedded
from backend.config import Settings
from backend.core.db.engine import Database, metadata
from backend.embedded import Servers
from backend.migrations import run as migrations

# With this variable, as in many containers, each of the hundreds of processes of the tests would recompile all modules.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Limits of time depend on the load of the host. Examples may share a fixture: the tests empty the database themselves.
hypothesis_settings.register_profile(
    "puras",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("puras")


def pytest_collection() -> None:
    """Disable garbage collection during the import of thousands of tests, because imports create almost no garbage."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of `slow.toml`, which only the release check runs."""
    named = tomllib.loads((Path(__file__).parent / "slow.toml").read_text(encoding="utf-8"))
    beginnings = tuple(beginning for tests in named.values() for beginning in tests)
    for item in items:
        if item.nodeid.startswith(beginnings):
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """Exclude the imported objects from all later garbage collections."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Return the servers given by DATABASE_URL and REDIS_URL, or embedded ones that end with the session."""
    # Short and outside of pytest's folder: socket paths have a maximum length, and the database user needs access.
    with tempfile.TemporaryDirectory(prefix="pt-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        settings = Settings(home=Path(folder) / "home")
        servers = embedded.start(settings)
        if settings.database_url is None:
            _disable_crash_safety(servers.database_url)
        yield servers
        embedded.stop(settings)


def _disable_crash_safety(database_url: str) -> None:
    """Disable the crash safety of the embedded database, which makes the frequent truncations of tests faster."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"alter system set {setting} = off")
        connection.execute("select pg_reload_conf()")


@pytest.fixture(scope="session")
def database_url(servers: Servers) -> Iterator[str]:
    """Create a database for this test process, with all migrations."""
    name = f"puras_test_{uuid4().hex[:12]}"
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
    url = _with_database(servers.database_url, name)
    migrations.upgrade(url)
    yield url
    _close_cleanup_connection(url)
    with psycopg.connect(servers.database_url, autocommit=True) as connection:
        connection.execute(f'drop database "{name}" with (force)')


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Return the migrated database without rows."""
    empty(database_url)
    database = Database(database_url)
    yield database
    await database.close()


def empty(database_url: str) -> None:
    """Delete all rows of all tables.

    Only large tables are truncated: a new file for a table takes much longer than the deletion of a few rows.
    """
    try:
        _empty(_cleanup_connection(database_url))
    except psycopg.OperationalError:  # a test ended all connections, or restarted the server
        _close_cleanup_connection(database_url)
        _empty(_cleanup_connection(database_url))


_cleanup_connections: dict[str, psycopg.Connection] = {}
"""The connections that delete all rows, by the URL of the database.

A new connection for each test would need seven times as long, because it first reads the catalog entries of all tables.
"""


def _cleanup_connection(database_url: str) -> psycopg.Connection:
    if database_url not in _cleanup_connections:
        _cleanup_connections[database_url] = psycopg.connect(database_url, autocommit=True)
    return _cleanup_connections[database_url]


def _close_cleanup_connection(database_url: str) -> None:
    if connection := _cleanup_connections.pop(database_url, None):
        connection.close()


def _empty(connection: psycopg.Connection) -> None:
    names = [table.name for table in metadata.sorted_tables]
    shown = connection.execute("show is_superuser").fetchone()
    if shown == ("on",):
        connection.execute(_EMPTY.replace("NAMES", ", ".join(f"'{name}'" for name in names)))
    else:
        quoted = ", ".join(f'"{name}"' for name in names)
        connection.execute(f"truncate {quoted} restart identity cascade")
    connection.execute("select setval('fair_clock', 0)")


_EMPTY = """
do $$
declare name text; is_filled boolean; bytes bigint;
begin
    set local session_replication_role = replica;  -- skips foreign keys and triggers against deletion
    foreach name in array array[NAMES] loop
        execute format('select exists (select from %I)', name) into is_filled;
        select pg_relation_size(name::regclass) + coalesce(sum(pg_relation_size(relid)), 0)
            into bytes from pg_partition_tree(name::regclass);
        if bytes > 1000000 then
            execute format('truncate %I cascade', name);
        elsif is_filled then
            execute format('delete from %I', name);
        end if;
    end loop;
    perform setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
        from pg_sequences where last_value is not null;
end $$
"""


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """Return the URL of the Redis of this test process, which is emptied before the test."""
    with closing(Redis.from_url(servers.redis_url)) as client:
        client.flushall()
    return servers.redis_url


def _with_database(url: str, name: str) -> str:
    head, _, query = url.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}" + (f"?{query}" if query else "")
