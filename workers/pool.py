"""Keeps worker processes alive: `python -m workers.pool`.

A process that dies is replaced at once; one that keeps dying is given a growing pause, so that its log can be read.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from itertools import islice
from uuid import UUID, uuid4

import psycopg

from backend.config import Settings, settings
from backend.core import logs
from backend.core.bootstrap import CANNOT_START
from backend.core.db import pooler
from backend.core.db.disconnect import cut_after
from backend.core.errors import PurasError
from backend.embedded import attach
from backend.execution.worker_registry.identity import worker_ids
from workers.health import Health, Signs

log = logs.get(__name__)

WORKER = [sys.executable, "-m", "workers.main", "dramatiq"]
_BURY = "update workers set beat_at = to_timestamp(0) where id = any(%s)"
MAX_IDS = 64
"""IDs that a process may have taken before it ended: each costs it a lease."""
LOOK_EVERY_S = 0.2
LONG_ENOUGH_S = 10.0
"""A process that lived this long did not die of how it starts."""
MAX_PAUSE_S = 5.0
BURY_S = 2
STOP_MARGIN_S = 5.0


class CannotStart(Exception):
    """A worker process cannot start until its settings or its servers are changed; it has printed why."""


class Place:
    """One place of the pool and the process that fills it."""

    def __init__(self, number: int, signs: Signs | None = None) -> None:
        self.number = number
        self._signs = signs
        self.process: subprocess.Popen[bytes] | None = None
        self._launch_id = uuid4()
        self._started_at = 0.0
        self._start_at = 0.0
        self._pause_s = 0.0

    def look(self) -> None:
        """Start a process if the place is empty and its pause is over.

        Raises:
            CannotStart: the last one could not start, and neither would the next one.
        """
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            lived_s = now - self._started_at
            self._pause_s = 0.0 if lived_s > LONG_ENOUGH_S else min(MAX_PAUSE_S, self._pause_s * 2 or 0.2)
            self._start_at = now + self._pause_s
            log.warning(
                "worker process ended; starting another",
                place=self.number,
                code=self.process.returncode,
                lived_s=round(lived_s, 1),
                in_s=self._pause_s,
            )
            if self.process.returncode == CANNOT_START:
                raise CannotStart
            bury(self._launch_id)
            self.process = None
        if self.process is None and now >= self._start_at:
            self._launch_id = uuid4()
            self.process = self._start()
            self._started_at = now

    def _start(self) -> subprocess.Popen[bytes]:
        command = [*WORKER, str(self._launch_id)]
        if self._signs is None:
            return subprocess.Popen(command)
        ours, theirs = os.pipe()
        try:
            process = subprocess.Popen([*command, str(theirs)], pass_fds=[theirs])
        except OSError:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._signs.follow(process.pid, ours)
        return process


def bury(launch_id: UUID) -> None:
    """Tell the instance that the process is dead, so that its jobs go on now and not when its lease has run out."""
    try:
        with (
            psycopg.connect(
                pooler.plain(attach(settings()).database_url), autocommit=True, connect_timeout=BURY_S
            ) as connection,
            cut_after(connection, BURY_S),
        ):
            connection.execute(_BURY, (list(islice(worker_ids(launch_id), MAX_IDS)),))
    except (psycopg.Error, PurasError) as error:
        log.warning(
            "a dead worker was not reported; its lease will run out",
            worker_id=str(launch_id),
            error=str(error).strip(),
        )


def main() -> int:
    """Keep the pool full until SIGTERM or SIGINT, then stop every process."""
    try:
        current = settings()
    except PurasError as error:
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return CANNOT_START
    logs.configure(current.log_level, current.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        places = _places(current, stop)
    except PurasError as error:
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return CANNOT_START
    code = 0
    while not stop.is_set():
        try:
            for place in places:
                place.look()
        except CannotStart:
            code = CANNOT_START
            break
        stop.wait(LOOK_EVERY_S)
    _stop_all(places, current.drain_s + STOP_MARGIN_S)
    return code


def _places(current: Settings, stop: threading.Event) -> list[Place]:
    """Return the places of the pool, whose health is served if there is a port for it."""
    numbers = range(current.worker_processes)
    if current.worker_health_port is None:
        return [Place(number) for number in numbers]
    from workers.probes import serve  # a pool without the port does not load a server

    signs = [Signs(number) for number in numbers]
    serve(Health(signs, is_draining=stop.is_set), current.host, current.worker_health_port)
    return [Place(number, signs[number]) for number in numbers]


def _stop_all(places: list[Place], most_s: float) -> None:
    running = [place.process for place in places if place.process is not None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + most_s
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("worker process did not stop in time; ending it", pid=process.pid)
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
