"""Run a pool of worker processes: `python -m workers.pool`.

A process that ends is replaced immediately; one that ends repeatedly is replaced after growing pauses.
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

from backend.config import Settings, settings
from backend.core import logs
from backend.core.bootstrap import CANNOT_START
from backend.core.errors import PurasError
from backend.core.failed_starts import STABLE_AFTER_S, FailedStarts
from backend.embedded import attach
from backend.execution.worker_registry.identity import worker_ids
from workers.health import Health, SignsOfLife

log = logs.get(__name__)

WORKER = [sys.executable, "-P", "-m", "workers.main", "dramatiq"]
_EXPIRE = "update workers set beat_at = to_timestamp(0) where id = any(%s)"
MAX_IDS = 64
"""IDs that a process may have used: it takes a new one after each expired lease."""
POLL_S = 0.2
MAX_PAUSE_S = 5.0
EXPIRE_TIMEOUT_S = 2
STOP_MARGIN_S = 5.0


class CannotStart(Exception):
    """A worker process cannot start with these settings and servers; it has printed the reason."""


class Slot:
    """One slot of the pool and its process."""

    def __init__(self, number: int, signs: SignsOfLife | None = None) -> None:
        self.number = number
        self._signs = signs
        self.process: subprocess.Popen[bytes] | None = None
        self._launch_id = uuid4()
        self._started_at = 0.0
        self._start_at = 0.0
        self._pause_s = 0.0
        self._failed_starts = FailedStarts()

    def check(self) -> None:
        """Start a process if the slot is empty and its pause has ended.

        Raises:
            CannotStart: the last one could not start, and the next one could not either.
        """
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            lived_s = now - self._started_at
            self._pause_s = 0.0 if lived_s > STABLE_AFTER_S else min(MAX_PAUSE_S, self._pause_s * 2 or 0.2)
            self._start_at = now + self._pause_s
            log.warning(
                "worker process ended; starting another one",
                place=self.number,
                code=self.process.returncode,
                lived_s=round(lived_s, 1),
                in_s=self._pause_s,
            )
            if self.process.returncode == CANNOT_START:
                raise CannotStart
            if self._failed_starts.is_final(self.process.returncode, uptime_s=lived_s):
                log.error(
                    "a worker process has failed at each start; its output is above. Run `puras-studio doctor`",
                    starts=self._failed_starts.count,
                )
                raise CannotStart
            expire_lease(self._launch_id)
            self.process = None
        if self.process is None and now >= self._start_at:
            self._launch_id = uuid4()
            self.process = self._start()
            self._started_at = now

    def _start(self) -> subprocess.Popen[bytes]:
        command = [*WORKER, str(self._launch_id)]
        if self._signs is None:
            return subprocess.Popen(command)
        read_end, write_end = os.pipe()
        try:
            process = subprocess.Popen([*command, str(write_end)], pass_fds=[write_end])
        except OSError:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        self._signs.follow(process.pid, read_end)
        return process


def expire_lease(launch_id: UUID) -> None:
    """Mark the lease of an ended process as expired, so that its jobs continue without waiting for it."""
    # A pool whose processes do not end needs no database, and the library takes 10 MB.
    import psycopg

    from backend.core.db import pooler
    from backend.core.db.disconnect import shut_down_after

    try:
        with (
            psycopg.connect(
                pooler.plain(attach(settings()).database_url),
                autocommit=True,
                connect_timeout=EXPIRE_TIMEOUT_S,
            ) as connection,
            shut_down_after(connection, EXPIRE_TIMEOUT_S),
        ):
            connection.execute(_EXPIRE, (list(islice(worker_ids(launch_id), MAX_IDS)),))
    except (psycopg.Error, PurasError) as error:
        log.warning(
            "lost worker not reported; its lease will expire",
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
        slots = _open_slots(current, stop)
    except PurasError as error:
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return CANNOT_START
    code = 0
    while not stop.is_set():
        try:
            for slot in slots:
                slot.check()
        except CannotStart:
            code = CANNOT_START
            break
        stop.wait(POLL_S)
    _stop_all(slots, current.drain_s + STOP_MARGIN_S)
    return code


def _open_slots(current: Settings, stop: threading.Event) -> list[Slot]:
    """Return the slots of the pool, whose health is served if there is a port for it."""
    numbers = range(current.worker_processes)
    if current.worker_health_port is None:
        return [Slot(number) for number in numbers]
    from workers.probes import serve  # a pool without the port does not load a server

    signs = [SignsOfLife(number) for number in numbers]
    serve(Health(signs, is_draining=stop.is_set), current.host, current.worker_health_port)
    return [Slot(number, signs[number]) for number in numbers]


def _stop_all(slots: list[Slot], timeout_s: float) -> None:
    running = [slot.process for slot in slots if slot.process is not None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + timeout_s
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("worker process did not stop in time; ending it", pid=process.pid)
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
