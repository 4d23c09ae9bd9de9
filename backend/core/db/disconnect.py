"""Cuts off connections to a database that does not answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import psycopg


def cut(connection: psycopg.AsyncConnection[Any] | psycopg.Connection[Any]) -> None:
    """Hang up for both ends, so that what waits on the connection gets the error of a lost one; from any thread."""
    with (
        contextlib.suppress(OSError, psycopg.Error),  # it has been closed meanwhile
        # A second handle: the connection goes on to own its socket, and closes it itself.
        socket.fromfd(connection.fileno(), socket.AF_UNSPEC, socket.SOCK_STREAM) as line,
    ):
        line.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cut_after(connection: psycopg.Connection[Any], most_s: float) -> Iterator[None]:
    """Cut a thread's own connection off when what is done on it takes longer."""
    timer = threading.Timer(most_s, cut, (connection,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
