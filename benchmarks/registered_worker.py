"""A row of a worker that writes heartbeats and runs nothing: jobs that are inserted as running can name it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID, uuid4

import psycopg

HEARTBEAT_S: Final = 1.0

_INSERT: Final = """
insert into workers (id, host, pid, lanes, capacity, running, sandbox_layers, started_at, beat_at, stopping)
values (%s, 'bench', 1, '{}', 0, 0, '{}', now(), now(), false)
"""


@contextmanager
def registered_worker(database_url: str) -> Iterator[UUID]:
    """Insert the row, and write its heartbeat until the block ends, so that its jobs are not recovered.

    Args:
        database_url: URL of the database of the instance.

    Yields:
        The ID of the worker.
    """
    worker_id, ended = uuid4(), threading.Event()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_INSERT, (worker_id,))

        def write_heartbeats() -> None:
            while not ended.wait(HEARTBEAT_S):
                connection.execute("update workers set beat_at = now() where id = %s", (worker_id,))

        heartbeat = threading.Thread(target=write_heartbeats, name="heartbeat")
        heartbeat.start()
        try:
            yield worker_id
        finally:
            ended.set()
            heartbeat.join()
