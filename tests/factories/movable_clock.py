"""A database with an adjustable clock: `now()` and `clock_timestamp()` return the real time plus an offset.

New connections find the functions of the schema `moved` before those of PostgreSQL, so that statements stay unchanged.
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
    """Give all new connections a clock that `move` adjusts."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_FUNCTIONS)
        path = sql.SQL("alter database {} set search_path = moved, pg_catalog, public")
        connection.execute(path.format(sql.Identifier(connection.info.dbname)))


@contextmanager
def movable_clock(database_url: str) -> Iterator[None]:
    """Make the clock of a shared database adjustable for the duration of the context."""
    make_movable(database_url)
    try:
        yield
    finally:
        with psycopg.connect(database_url, autocommit=True) as connection:
            reset = sql.SQL("alter database {} reset search_path")
            connection.execute(reset.format(sql.Identifier(connection.info.dbname)))
            connection.execute("drop schema moved cascade")


def move(database_url: str, ahead_s: float) -> None:
    """Set the offset from the real time, positive or negative, for all connections immediately."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("update moved.clock set ahead_s = %s", [ahead_s])
