"""Send the heartbeat of a process from a separate thread, since a busy event loop is not a lost worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import UUID

import psycopg

from backend.core import background_tasks, logs
from backend.core.db import pooler
from backend.core.db.disconnect import shut_down_after
from backend.core.db.liveness import MAX_SILENCE_S
from backend.execution.worker_registry.service import HEARTBEAT_INTERVAL_S, LEASE

log = logs.get(__name__)

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Also counts the time in which the host was suspended. The second clock does so on macOS."""
CONNECT_S = 3
RETRY_S = 0.5
"""Pause after a heartbeat that was not stored."""

_SEND = """
update workers set beat_at = now(), running = %s, stopping = stopping or %s, shortage = %s where id = %s
returning stopping
"""


class Heartbeat:
    """Sends heartbeats until it is stopped.

    Calls `on_expired` when the lease of this process has expired, and `on_drain` when an operator requests a
    drain.
    """

    def __init__(
        self,
        database_url: str,
        *,
        worker_id: Callable[[], UUID],
        running: Callable[[], int],
        on_expired: Callable[[UUID], None],
        on_drain: Callable[[], None],
        shortage: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._database_url = pooler.plain(database_url)
        self._settings = pooler.connect_settings(database_url)
        self._worker_id = worker_id
        self._running = running
        self._on_expired = on_expired
        self._on_drain = on_drain
        self._shortage = shortage
        self._stop = threading.Event()
        self.is_stopping = False
        self._lease_until = time.clock_gettime(_CLOCK) + LEASE.total_seconds()
        self._thread = threading.Thread(target=self._send_until_stopped, name="heartbeat", daemon=True)

    def has_lease(self) -> bool:
        """Return whether no other process can have declared this one lost."""
        return time.clock_gettime(_CLOCK) < self._lease_until

    def start(self) -> None:
        """Start sending heartbeats."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sending heartbeats."""
        self._stop.set()
        self._thread.join(timeout=5)

    def _send_until_stopped(self) -> None:
        connection: psycopg.Connection | None = None
        pause_s = HEARTBEAT_INTERVAL_S
        while not self._stop.wait(pause_s):
            with background_tasks.log_and_continue("heartbeat"):
                try:
                    if connection is None:
                        connection = psycopg.connect(
                            self._database_url, autocommit=True, connect_timeout=CONNECT_S, **self._settings
                        )
                    with shut_down_after(connection, MAX_SILENCE_S):
                        self._send(connection)
                    pause_s = HEARTBEAT_INTERVAL_S
                except psycopg.Error as error:
                    log.warning("heartbeat not stored; retrying", error=str(error).strip())
                    if connection is not None:
                        connection.close()
                    connection, pause_s = None, RETRY_S
        if connection is not None:
            connection.close()

    def _send(self, connection: psycopg.Connection) -> None:
        worker_id, sent_at = self._worker_id(), time.clock_gettime(_CLOCK)
        values = (self._running(), self.is_stopping, self._shortage(), worker_id)
        row = connection.execute(_SEND, values).fetchone()
        if row is None:
            self._on_expired(worker_id)
            return
        self._lease_until = sent_at + LEASE.total_seconds()
        if row[0] and not self.is_stopping:
            self._on_drain()
