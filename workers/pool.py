"""Keeps worker processes alive: `python -m workers.pool`.

A process that dies is replaced at once; one that keeps dying is given a growing pause, so that its log can be read.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time

import psycopg

from backend import logs, pooling
from backend.config import settings
from backend.embedded import attach
from backend.errors import PurasError
from backend.pulse import cut_after

log = logs.get(__name__)

WORKER = [sys.executable, "-m", "workers.main", "dramatiq"]
_BURY = "update workers set beat_at = to_timestamp(0) where host = %s and pid = %s"
LOOK_EVERY_S = 0.2
LONG_ENOUGH_S = 10.0
"""A process that lived this long did not die of how it starts."""
MOST_PAUSE_S = 5.0
BURY_S = 2
STOP_MARGIN_S = 5.0


class Place:
    """One place of the pool and the process that fills it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = 0.0
        self._pause_s = 0.0

    def look(self) -> None:
        """Start a process if the place is empty and its pause is over."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            lived_s = now - self._started_at
            self._pause_s = 0.0 if lived_s > LONG_ENOUGH_S else min(MOST_PAUSE_S, self._pause_s * 2 or 0.2)
            self._start_at = now + self._pause_s
            log.warning(
                "worker process ended; starting another",
                place=self.number,
                code=self.process.returncode,
                lived_s=round(lived_s, 1),
                in_s=self._pause_s,
            )
            _bury(self.process.pid)
            self.process = None
        if self.process is None and now >= self._start_at:
            self.process = subprocess.Popen(WORKER)
            self._started_at = now


def _bury(pid: int) -> None:
    """Tell the instance that the process is dead, so that its jobs go on now and not when its lease has run out."""
    try:
        with (
            psycopg.connect(
                pooling.plain(attach(settings()).database_url), autocommit=True, connect_timeout=BURY_S
            ) as connection,
            cut_after(connection, BURY_S),
        ):
            connection.execute(_BURY, (socket.gethostname(), pid))
    except (psycopg.Error, PurasError) as error:
        log.warning(
            "a dead worker was not reported; its lease will run out", pid=pid, error=str(error).strip()
        )


def main() -> int:
    """Keep the pool full until SIGTERM or SIGINT, then stop every process."""
    current = settings()
    logs.configure(current.log_level, current.log_format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    places = [Place(number) for number in range(current.worker_processes)]
    while not stop.is_set():
        for place in places:
            place.look()
        stop.wait(LOOK_EVERY_S)
    _stop_all(places, current.drain_s + STOP_MARGIN_S)
    return 0


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
