"""Connections that the database has closed are not given out: when it was restarted, no request pays for it.

What is raised when it is away all the same, for those who wait until it is back.
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
"""What is raised when the database does not answer, or not in time; nothing is wrong with what it was asked."""


def why_away(error: Exception) -> str:
    """One line for the log, without the statement and its values."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def is_open(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether the server still holds up its end of an idle connection; asks only the kernel, within microseconds."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)  # nothing was asked: what can be read is a farewell


def discard_closed(engine: AsyncEngine) -> None:
    """Let the engine's pool replace connections that the server has closed."""

    @event.listens_for(engine.sync_engine, "checkout")
    def _look(adapted: Any, _record: object, _proxy: object) -> None:
        if not is_open(adapted.driver_connection):
            raise InvalidatePoolError("the database has closed this connection")
