"""The database for the commands of operators: migrate it, or open it for one unit of work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import psycopg
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncSession

from backend import embedded
from backend.config import Settings
from backend.core.db import pooler
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database
from backend.migrations import revisions
from backend.operations.errors import DatabaseUnreachable, NewerDatabase, NoSuchRevision, NotMigrated

OLDEST_MAJOR, NEWEST_MAJOR = 15, 18
CONNECT_TIMEOUT_S = 10
_CURRENT: Final = "select version_num from alembic_version"


def migrate(database_url: str) -> str:
    """Migrate the database to the revision of this release, and return it; a concurrent caller waits.

    Raises:
        DatabaseUnreachable: It does not respond, or its version is not supported.
        NewerDatabase: It has the revision of a newer release.
    """
    require_supported(database_url)
    newest = revisions.newest()
    with _database_errors(database_url):
        if _known_revision(database_url) != newest:
            from backend.migrations import (
                run as migrations,  # most databases need no migration: see `revisions`
            )

            migrations.upgrade(database_url)
    return newest


def go_back(database_url: str, revision: str) -> str:
    """Migrate the database back to an older revision, for an older release, and return that revision.

    Data in newer tables and columns is lost.

    Raises:
        NoSuchRevision: This release does not know the revision, or it is not older than that of the database.
        NewerDatabase: The database has the revision of a newer release.
        DatabaseUnreachable: It does not respond.
    """
    from backend.migrations import run as migrations  # see `migrate`

    with _database_errors(database_url):
        current = _known_revision(database_url)
        older = migrations.older_than(current) if current else []
        if revision not in older:
            raise NoSuchRevision(revision, current, older)
        migrations.downgrade(database_url, revision)
    return revision


def _known_revision(database_url: str) -> str | None:
    with psycopg.connect(pooler.plain(database_url), connect_timeout=CONNECT_TIMEOUT_S) as connection:
        table = connection.execute("select to_regclass('alembic_version')").fetchone()
        row = None if table == (None,) else connection.execute(_CURRENT).fetchone()
    current = None if row is None else str(row[0])
    if current and current not in revisions.known():
        raise NewerDatabase(current)
    return current


def require_supported(database_url: str) -> None:
    """Check that the version of the server is supported.

    Raises:
        DatabaseUnreachable: It does not respond, or its version is not supported.
    """
    major = server_major(database_url)
    if not OLDEST_MAJOR <= major <= NEWEST_MAJOR:
        raise DatabaseUnreachable(
            f"The database at {display_url(database_url)} is PostgreSQL {major}; {OLDEST_MAJOR} to {NEWEST_MAJOR} are "
            "supported. Set DATABASE_URL to a supported version, or remove it.",
            major=major,
        )


def vector_version(database_url: str) -> str | None:
    """Return the version of pgvector on the server, or None.

    Raises:
        DatabaseUnreachable: It does not respond.
    """
    with (
        _database_errors(database_url),
        psycopg.connect(pooler.plain(database_url), connect_timeout=CONNECT_TIMEOUT_S) as connection,
    ):
        row = connection.execute(
            "select coalesce(installed_version, default_version) from pg_available_extensions where name = 'vector'"
        ).fetchone()
    return None if row is None else str(row[0])


def server_major(database_url: str) -> int:
    """Return the major version of the server.

    Raises:
        DatabaseUnreachable: It does not respond.
    """
    with (
        _database_errors(database_url),
        psycopg.connect(pooler.plain(database_url), connect_timeout=CONNECT_TIMEOUT_S) as connection,
    ):
        return connection.info.server_version // 10_000


@asynccontextmanager
async def unit_of_work(settings: Settings) -> AsyncIterator[AsyncSession]:
    """Open a transaction in the database of this instance.

    Raises:
        NotRunning: It is embedded and does not run.
        DatabaseUnreachable: It does not respond.
        NotMigrated: It does not have the tables of this release.
    """
    url = embedded.attach(settings).database_url
    database = Database(url, pool_size=1)
    try:
        with _database_errors(url):
            async with database.transaction() as session:
                yield session
    finally:
        await database.close()


def display_url(database_url: str) -> str:
    """Return the URL without its password, for messages."""
    return make_url(database_url).render_as_string(hide_password=True)


@contextmanager
def _database_errors(database_url: str) -> Iterator[None]:
    try:
        yield
    except (OperationalError, psycopg.OperationalError) as error:
        raise DatabaseUnreachable(
            f"The database at {display_url(database_url)} does not respond: {error_summary(error)} Check DATABASE_URL "
            "and that the server runs, then retry."
        ) from error
    except ProgrammingError as error:
        if isinstance(error.orig, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            raise NotMigrated from error
        raise
