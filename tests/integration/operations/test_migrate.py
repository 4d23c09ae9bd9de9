"""`puras-studio migrate`: upgrade, downgrade for an older release, and an error where neither is possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from backend.migrations import run as migrations
from backend.operations import database
from backend.operations.errors import NewerDatabase, NoSuchRevision


@pytest.fixture
def empty_database(database_url: str) -> Iterator[str]:
    """Create a database without tables."""
    url = make_url(database_url).set(drivername="postgresql")
    name = f"migrate_{uuid4().hex[:12]}"
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f'create database "{name}"')
        yield url.set(database=name).render_as_string(hide_password=False)
        connection.execute(f'drop database "{name}" with (force)')


def scalar(url: str, statement: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None


def test_downgrade_to_every_revision_and_upgrade_again(empty_database: str) -> None:
    newest = database.migrate(empty_database)
    older = migrations.older_than(newest)
    assert older
    for revision in older:
        assert database.go_back(empty_database, revision) == revision
    assert database.migrate(empty_database) == newest


@pytest.mark.parametrize("revision", ["nonsense", "head", "-1"])
def test_revision_that_is_not_older_is_rejected_with_the_valid_ones(
    empty_database: str, revision: str
) -> None:
    newest = database.migrate(empty_database)
    with pytest.raises(NoSuchRevision, match=migrations.older_than(newest)[0]):
        database.go_back(empty_database, revision)
    assert migrations.current_revision(empty_database) == newest


@pytest.mark.parametrize("do", [database.migrate, lambda url: database.go_back(url, "0001")])
def test_database_of_a_newer_release_is_not_changed(empty_database: str, do: Callable[[str], str]) -> None:
    database.migrate(empty_database)
    with psycopg.connect(empty_database) as connection:
        connection.execute("update alembic_version set version_num = '9999_future'")
    with pytest.raises(NewerDatabase, match="newer release"):
        do(empty_database)
    assert scalar(empty_database, "select version_num from alembic_version") == "9999_future"
