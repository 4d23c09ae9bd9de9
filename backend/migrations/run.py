"""Run migrations from code, with an advisory lock, so that only one of several starting processes runs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, create_engine, text

from backend.core.db.engine import driver_url
from backend.core.optional_packages import missing

with missing("pygments"):  # for the colors of error pages of templates
    from alembic import command
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

LOCK_KEY = 0x70757261  # "pura": a constant that no other lock uses


def alembic_config() -> Config:
    """Return the configuration of Alembic, independent of the working folder."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def upgrade(database_url: str, revision: str = "head") -> None:
    """Migrate the database up to a revision; wait while another process migrates it."""
    with _locked(database_url) as connection:
        command.upgrade(_with_connection(connection), revision)


def upgrade_within(connection: Connection, revision: str = "head") -> None:
    """Migrate the database up to a revision in the caller's own transaction."""
    command.upgrade(_with_connection(connection), revision)


def downgrade(database_url: str, revision: str) -> None:
    """Migrate the database back to a revision."""
    with _locked(database_url) as connection:
        command.downgrade(_with_connection(connection), revision)


def check(database_url: str) -> None:
    """Check that the tables in the code match the migrations.

    Raises:
        alembic.util.CommandError: They differ.
    """
    with _connected(database_url) as connection:
        command.check(_with_connection(connection))


def current_revision(database_url: str) -> str | None:
    """Return the revision of the database, or None if it is empty."""
    with _connected(database_url) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """Return the revision that this release needs."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise RuntimeError("The package contains no migrations: its installation is incomplete.")
    return head


def knows(revision: str) -> bool:
    """Return whether this release can migrate a database of that revision."""
    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    return revision in known


def older_than(revision: str) -> list[str]:
    """Return the revisions before a revision, the newest first."""
    before = ScriptDirectory.from_config(alembic_config()).iterate_revisions(revision, "base")
    return [script.revision for script in before if script.revision != revision]


@contextmanager
def _locked(database_url: str) -> Iterator[Connection]:
    """Open a transaction with the lock of migrations."""
    with _connected(database_url) as connection:
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
        yield connection


@contextmanager
def _connected(database_url: str) -> Iterator[Connection]:
    engine = create_engine(
        driver_url(database_url),
        connect_args={"prepare_threshold": None},  # not useful here, and not possible with a pooler
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
