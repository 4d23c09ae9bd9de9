"""Shut down connections to a database that does not respond."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import psycopg


def shut_down(connection: psycopg.AsyncConnection[Any] | psycopg.Connection[Any]) -> None:
    """Shut down the connection, from any thread, so that code that waits on it gets the error of a lost connection."""
    with (
        contextlib.suppress(OSError, psycopg.Error),  # it was closed in the meantime
        # A duplicate of the descriptor: the connection still owns its socket, and closes it itself.
        socket.fromfd(connection.fileno(), socket.AF_UNSPEC, socket.SOCK_STREAM) as duplicate,
    ):
        duplicate.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def shut_down_after(connection: psycopg.Connection[Any], max_s: float) -> Iterator[None]:
    """Shut down a thread's own connection if the block takes longer than `max_s` seconds."""
    timer = threading.Timer(max_s, shut_down, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
