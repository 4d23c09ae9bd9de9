"""A database whose clock the tests set: `now()` and `clock_timestamp()` of every statement are ahead by what they say.

New connections find the functions of the schema `moved` before those of PostgreSQL, so statements need no change.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, LiteralString

import psycopg
from psycopg import sql

_FUNCTIONS: Final[LiteralString] = """
create schema moved;
create table moved.clock (ahead_s double precision not null);
insert into moved.clock values (0);
create function moved.now() returns timestamptz language sql stable
  as 'select pg_catalog.now() + (select ahead_s from moved.clock) * interval ''1 second''';
create function moved.clock_timestamp() returns timestamptz language sql volatile
  as 'select pg_catalog.clock_timestamp() + (select ahead_s from moved.clock) * interval ''1 second''';
"""


def make_movable(database_url: str) -> None:
    """Give connections that are opened from now on a clock that `move` sets."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_FUNCTIONS)
        path = sql.SQL("alter database {} set search_path = moved, pg_catalog, public")
        connection.execute(path.format(sql.Identifier(connection.info.dbname)))


@contextmanager
def movable_clock(database_url: str) -> Iterator[None]:
    """Make the clock of a database movable that others use afterwards."""
    make_movable(database_url)
    try:
        yield
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            reset = sql.SQL("alter database {} reset search_path")
            connection.execute(reset.format(sql.Identifier(connection.info.dbname)))
            connection.execute("drop schema moved cascade")


def move(database_url: str, ahead_s: float) -> None:
    """Set the clock ahead of the true one, or behind it, for every connection at once."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update moved.clock set ahead_s = %s", [ahead_s])
