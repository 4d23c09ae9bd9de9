"""Run a pool of worker processes: `python -m workers.pool`.

The pool imports the modules of its processes once and forks them (on macOS, it executes them). A process that ends is
replaced immediately; one that ends repeatedly is replaced after growing pauses.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from backend.config import Settings, settings
from backend.core import logs
from backend.core.bootstrap import CANNOT_START, Program, preload
from backend.core.errors import PurasError
from backend.core.failed_starts import STABLE_AFTER_S, FailedStarts
from backend.core.forks import CAN_FORK, Forked, fork, run_program, threads
from backend.core.process_title import show_command
from backend.embedded import attach
from backend.execution.worker_registry.identity import worker_ids
from workers.health import Health, SignsOfLife
from workers.watch import Watch

if TYPE_CHECKING:
    from workers.probes import Probes

log = logs.get(__name__)

PROGRAM: Final = Program("workers.pool")
WORKER: Final = "workers.main"
_EXPIRE = "update workers set beat_at = to_timestamp(0) where id = any(%s)"
MAX_IDS = 64
"""IDs that a process may have used: it takes a new one after each expired lease."""
POLL_S = 0.2
MAX_PAUSE_S = 5.0
EXPIRE_TIMEOUT_S = 2
STOP_MARGIN_S = 5.0
_LEASE_EXPIRY = "workers.lease_expiry"
"""The name of the process that marks a lease as expired."""
_STOP: Final = (signal.SIGTERM, signal.SIGINT)
_HANDLED: Final = (*_STOP, signal.SIGCHLD)


Task = Callable[[], int]
"""What a forked process runs; it returns the exit code."""


class CannotStart(Exception):
    """A worker process cannot start with these settings and servers; it has printed the reason."""


class Slot:
    """One slot of the pool and its process."""

    def __init__(self, number: int, pool: Pool, signs: SignsOfLife | None = None) -> None:
        self.number = number
        self.process: Forked | subprocess.Popen[bytes] | None = None
        self._pool = pool
        self._signs = signs
        self._launch_id = uuid4()
        self._started_at = 0.0
        self._start_at = 0.0
        self._pause_s = 0.0
        self._failed_starts = FailedStarts()

    def check(self) -> Task | None:
        """Start a process if the slot is empty and its pause has ended.

        Returns:
            In the started process, if it was forked, what it runs.

        Raises:
            CannotStart: the last one could not start, and the next one could not either.
        """
        now = time.monotonic()
        if self.process is not None and (code := self.process.poll()) is not None:
            lived_s = now - self._started_at
            self._pause_s = 0.0 if lived_s > STABLE_AFTER_S else min(MAX_PAUSE_S, self._pause_s * 2 or 0.2)
            self._start_at = now + self._pause_s
            log.warning(
                "worker process ended; starting another one",
                place=self.number,
                code=code,
                lived_s=round(lived_s, 1),
                in_s=self._pause_s,
            )
            if code == CANNOT_START:
                raise CannotStart
            if self._failed_starts.is_final(code, uptime_s=lived_s):
                log.error(
                    "a worker process has failed at each start; its output is above. Run `puras-studio doctor`",
                    starts=self._failed_starts.count,
                )
                raise CannotStart
            self.process = None
            self._pool.expire_lease(self._launch_id)
        if self.process is None and now >= self._start_at:
            self._launch_id = uuid4()
            self._started_at = now
            return self._start()
        return None

    def _start(self) -> Task | None:
        arguments = ["dramatiq", str(self._launch_id)]
        read_end, write_end = None, None
        if self._signs is not None:
            read_end, write_end = os.pipe()
            arguments.append(str(write_end))
        try:
            self.process = self._pool.start(arguments, write_end)
        except OSError:
            _close(read_end, write_end)
            raise
        if self.process is None:
            _close(read_end)
            return partial(run_program, WORKER, *arguments)
        _close(write_end)
        if self._signs is not None and read_end is not None:
            self._pool.follow(self._signs, self.process.pid, read_end)
        return None


class Pool:
    """The processes of the pool, and what it waits for."""

    def __init__(self, current: Settings) -> None:
        """Open the port for health checks, if there is one, and import the modules of processes that are forked.

        Raises:
            HealthPortTaken: The port cannot be used.
        """
        self.is_stopping = False
        self._watch = Watch()
        self._helpers: list[Forked] = []
        for number in _STOP:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # a signal without a handler does not end a wait
        numbers = range(current.worker_processes)
        self._probes: Probes | None = None
        if current.worker_health_port is None:
            self._slots = [Slot(number, self) for number in numbers]
        else:
            from workers.probes import Probes  # a pool without the port does not need it

            signs = [SignsOfLife(number) for number in numbers]
            self._slots = [Slot(number, self, signs[number]) for number in numbers]
            health = Health(signs, is_draining=lambda: self.is_stopping)
            self._probes = Probes(health, self._watch, current.host, current.worker_health_port)
        self._forks = CAN_FORK and bool(self._slots)
        if self._forks:
            preload([WORKER])
            if threads() > 1:
                log.warning("the imported modules have started threads; processes are executed, not forked")
                self._forks = False

    def run(self, stop_timeout_s: float) -> Task:
        """Keep the slots full until SIGTERM or SIGINT, then stop every process.

        Returns:
            What the process runs next: a forked one its program, the pool itself nothing except its exit code.
        """
        code = 0
        try:
            while not self.is_stopping:
                for slot in self._slots:
                    task = slot.check()
                    if task is not None:
                        return task
                self._wait()
        except CannotStart:
            code = CANNOT_START
        self._stop_all(stop_timeout_s)
        return lambda: code

    def start(self, arguments: list[str], inherited: int | None) -> Forked | subprocess.Popen[bytes] | None:
        """Start a worker process with these arguments and a descriptor, and return it, or None in a forked process.

        Raises:
            OSError: The system has no resources for another process.
        """
        if self._forks:
            return self._fork()
        return subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER, *arguments],
            pass_fds=[] if inherited is None else [inherited],
        )

    def follow(self, signs: SignsOfLife, pid: int, descriptor: int) -> None:
        """Read the signals of life of a process until its end."""
        signs.follow(pid, descriptor)

        def read() -> None:
            if not signs.read(descriptor):
                self._watch.close(descriptor)

        self._watch.add(descriptor, read)

    def expire_lease(self, launch_id: UUID) -> None:
        """Mark the lease of an ended process as expired.

        A pool that forks has no connections: it forks a process for this one, which ends immediately.
        """
        if not self._forks:
            expire_lease(launch_id)
            return
        try:
            helper = self._fork()
        except OSError as error:  # the system has no resources for another process
            log.warning("lost worker not reported; its lease will expire", error=str(error))
            return
        if helper is not None:
            self._helpers.append(helper)
            return
        try:
            show_command(_LEASE_EXPIRY)
            expire_lease(launch_id)
        finally:
            os._exit(0)

    def _fork(self) -> Forked | None:
        pid = fork(_HANDLED)
        if pid:
            return Forked(pid)
        self._watch.close_all()
        return None

    def _on_stop(self, *_: object) -> None:
        self.is_stopping = True

    def _wait(self) -> None:
        self._watch.wait(POLL_S)
        if self._probes is not None:
            self._probes.end_slow_requests()
        self._helpers = [helper for helper in self._helpers if helper.poll() is None]

    def _stop_all(self, timeout_s: float) -> None:
        self.is_stopping = True
        running = [slot.process for slot in self._slots if slot.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + timeout_s
        while any(process.poll() is None for process in [*running, *self._helpers]):
            if time.monotonic() > deadline:
                break
            self._wait()
        for process in running:
            if process.poll() is None:
                log.warning("worker process did not stop in time; ending it", pid=process.pid)
        for process in [*running, *self._helpers]:
            process.kill()
            process.wait()


def _close(*descriptors: int | None) -> None:
    for descriptor in descriptors:
        if descriptor is not None:
            os.close(descriptor)


def expire_lease(launch_id: UUID) -> None:
    """Mark the lease of an ended process as expired, so that its jobs continue without waiting for it."""
    import psycopg  # a pool whose processes are executed and do not end needs no database

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
    """Keep the pool full until SIGTERM or SIGINT, then stop every process; in a forked process, run its program."""
    try:
        current = settings()
    except PurasError as error:
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return CANNOT_START
    logs.configure(current.log_level, current.log_format)
    try:
        pool = Pool(current)
    except PurasError as error:
        sys.stderr.write(f"puras-studio: {error.detail}\n")
        return CANNOT_START
    return pool.run(current.drain_s + STOP_MARGIN_S)()


if __name__ == "__main__":
    sys.exit(main())
