"""Replace connections that the database has closed, and name the errors of an unavailable database.

After a restart of the database no request fails because of an old connection.
"""

from __future__ import annotations

import select
from typing import Any, Final

import psycopg
from sqlalchemy import event
from sqlalchemy import exc as errors
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine

DatabaseUnavailable: Final = (
    errors.OperationalError,
    errors.InterfaceError,
    errors.PendingRollbackError,
    errors.TimeoutError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)
"""Errors that are raised when the database is unavailable or too slow, not because of the statement."""


def error_summary(error: Exception) -> str:
    """Return an error of the database as one line for the log, without the statement and its values."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def is_open(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Return whether an idle connection is still open; this asks only the kernel, within microseconds."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)  # no query is pending, so readable data means that the server has closed it


def discard_closed(engine: AsyncEngine) -> None:
    """Make the engine's pool replace connections that the server has closed."""

    @event.listens_for(engine.sync_engine, "checkout")
    def _check(adapted: Any, _record: object, _proxy: object) -> None:
        if not is_open(adapted.driver_connection):
            raise InvalidatePoolError("the database has closed this connection")
