"""Checks of the servers: PostgreSQL, its tables, Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import redis
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from backend.config import Settings
from backend.core.db.connections import DatabaseUnavailable, error_summary
from backend.core.db.engine import Database
from backend.core.db.pooler import WrongPoolerMode, pools_transactions
from backend.embedded import postgres, valkey
from backend.migrations import run as migrations
from backend.operations import database
from backend.operations.checks.verdict import Check, Verdict, fail, ok, warn
from backend.operations.errors import DatabaseUnreachable

MIN_REDIS_MAJOR = 6
_ONE: Final = text("select 1")
START = "Start it with `puras-studio up`."


def checks(settings: Settings) -> Iterator[Check]:
    """Check the configured servers, or the embedded ones."""
    given = settings.database_url
    database_url = given.get_secret_value() if given else postgres.attach(settings.home)
    yield from _database(database_url, is_given=given is not None)
    yield _memory(database_url, settings.embeddings_model if settings.embeddings_url else None)
    given = settings.redis_url
    redis_url = given.get_secret_value() if given else valkey.attach(settings.home)
    yield _redis(redis_url, is_given=given is not None)


def _database(url: str | None, *, is_given: bool) -> Iterator[Check]:
    kind = "given by DATABASE_URL" if is_given else "embedded"
    if url is None:
        yield warn("PostgreSQL", "embedded, not running", START)
        return
    try:
        major = database.server_major(url)
    except DatabaseUnreachable as error:
        yield fail("PostgreSQL", error.detail, "Check that the server runs and accepts the credentials.")
        return
    found = f"{major} at {database.display_url(url)}, {kind}"
    if not database.OLDEST_MAJOR <= major <= database.NEWEST_MAJOR:
        wanted = f"{database.OLDEST_MAJOR} to {database.NEWEST_MAJOR}"
        yield fail("PostgreSQL", found, f"Use a server of version {wanted}.")
        return
    yield ok("PostgreSQL", found)
    connections = _connections(url)
    yield connections
    if connections.verdict is not Verdict.FAIL:
        yield _migrations(url)


def _connections(url: str) -> Check:
    """Check that the processes of the instance can connect."""
    name = "connections"
    try:
        asyncio.run(_connect_as_processes(url))
    except WrongPoolerMode as error:
        return fail(name, "the mode of the pooler is not the one in DATABASE_URL", error.detail)
    except (*DatabaseUnavailable, SQLAlchemyError) as error:
        return fail(
            name,
            f"the processes cannot connect: {error_summary(error)}",
            "Check DATABASE_URL and the pooler.",
        )
    pooled = "through a pooler in transaction mode" if pools_transactions(url) else "with their own sessions"
    return ok(name, f"the processes can connect, {pooled}")


async def _connect_as_processes(url: str) -> None:
    database = Database(url, pool_size=1)
    try:
        await database.require_pooler_mode()
        async with database.reading() as reader, database.transaction() as session:
            await reader.execute(_ONE)
            await session.execute(_ONE)
    finally:
        await database.close()


def _migrations(url: str) -> Check:
    current, newest = migrations.current_revision(url), migrations.newest_revision()
    if current != newest:
        return fail(
            "tables",
            f"at revision {current or 'none'}, but this release needs {newest}",
            "puras-studio migrate",
        )
    return ok("tables", f"at revision {current}")


def _memory(url: str | None, model: str | None) -> Check:
    """Return the check of the search in memory."""
    name, text_search = "memory", "search by key and text"
    if model is None:
        return ok(name, f"{text_search}; semantic search needs PURAS_EMBEDDINGS_URL")
    try:
        version = None if url is None else database.vector_version(url)
    except DatabaseUnreachable:
        version = None
    if version is None:
        return warn(name, f"only {text_search}: this PostgreSQL server has no pgvector", "Install pgvector.")
    return ok(name, f"{text_search}, and semantic search: {model}, pgvector {version}")


def _redis(url: str | None, *, is_given: bool) -> Check:
    kind = "given by REDIS_URL" if is_given else "embedded"
    if url is None:
        return warn("Redis", "embedded, not running", START)
    shown = make_url(url).render_as_string(hide_password=True)
    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            info = client.info("server")
            is_cluster = bool(client.info("cluster").get("cluster_enabled"))
    except (redis.RedisError, OSError, ValueError) as error:
        remedy = "Check that the server runs and that REDIS_URL is correct." if is_given else START
        return fail("Redis", f"does not respond at {shown}: {error}", remedy)
    version = str(info["redis_version"])
    if int(version.split(".")[0]) < MIN_REDIS_MAJOR:
        return fail("Redis", f"{version} at {shown}", f"Use version {MIN_REDIS_MAJOR} or newer.")
    if is_cluster:
        return fail(
            "Redis",
            f"a node of a cluster at {shown}",
            "Set REDIS_URL to a server that is not part of a cluster.",
        )
    name = f"Valkey {info['valkey_version']}" if "valkey_version" in info else version
    return ok("Redis", f"{name} at {shown}, {kind}")
