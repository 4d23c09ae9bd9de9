"""Runs migrations from code: under an advisory lock, so that two starting processes do it once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text

from backend.core.db.engine import driver_url

LOCK_KEY = 0x70757261  # "pura": any constant that no one else takes


def alembic_config() -> Config:
    """Alembic's configuration, wherever the working directory is."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the database to a revision; waits while another process does the same."""
    with _alone(database_url) as connection:
        command.upgrade(_with_connection(connection), revision)


def upgrade_within(connection: Connection, revision: str = "head") -> None:
    """Bring the database to a revision in the caller's own transaction."""
    command.upgrade(_with_connection(connection), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Take the database back to a revision."""
    with _alone(database_url) as connection:
        command.downgrade(_with_connection(connection), revision)


def check(database_url: str) -> None:
    """Fail when the tables in the code and the migrations disagree.

    Raises:
        alembic.util.CommandError: they do.
    """
    with _connected(database_url) as connection:
        command.check(_with_connection(connection))


def current_revision(database_url: str) -> str | None:
    """The revision that the database is at, or none for an empty one."""
    with _connected(database_url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """The revision that this code needs."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise RuntimeError("The package holds no migrations: it was not installed whole.")
    return head


def knows(revision: str) -> bool:
    """Whether this code can bring a database of that revision up to its own."""
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    return revision in known


def older_than(revision: str) -> list[str]:
    """The revisions before one, the nearest first."""
    before = ScriptDirectory.from_config(alembic_config()).iterate_revisions(revision, "base")
    return [script.revision for script in before if script.revision != revision]


@contextmanager
def _alone(database_url: str) -> Iterator[Connection]:
    """A transaction beside which no other process migrates."""
    with _connected(database_url) as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        yield connection


@contextmanager
def _connected(database_url: str) -> Iterator[Connection]:
    engine = create_engine(
        driver_url(database_url),
        connect_args={"prepare_threshold": None},  # nothing is worth it here, and a pooler would not bear it
    )
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _with_connection(connection: Connection) -> Config:
    config = alembic_config()
    config.attributes["connection"] = connection
    return config
