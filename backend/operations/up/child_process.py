"""Run a child process of `up`: restart it when it ends, and stop it when `up` stops."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress

from backend.core import logs
from backend.core.bootstrap import CANNOT_START
from backend.core.errors import PurasError, field
from backend.core.failed_starts import STABLE_AFTER_S, FailedStarts
from backend.operations.up.launcher import Launcher, Started

log = logs.get(__name__)

MIN_RESTART_DELAY_S = 0.2
MAX_RESTART_DELAY_S = 5.0  # so that a process that can start runs again within 10 s


class CannotStart(PurasError):
    """A process cannot start with its settings. It has printed the reason."""

    code = "cannot_start"
    message = "The process of {name} cannot start. The previous line has the reason."
    name: str = field(in_body=False)


class FailsAtStart(CannotStart):
    """A process has ended at each of several starts. Its output has the reason."""

    code = "fails_at_start"
    message = (
        "The process of {name} has ended at each of {count} starts, the last time with {ended}; it is not started "
        "again. Its last output is above. Run `puras-studio doctor`, correct what it reports, then run "
        "`puras-studio up` again. If all checks pass, report the output as a bug."
    )
    count: int = field(in_body=False)
    ended: str = field(in_body=False)


class Child:
    """A module that runs as a process in its own session."""

    def __init__(self, name: str, module: str, environment: Mapping[str, str], *, launcher: Launcher) -> None:
        self.name = name
        self._module = module
        self._launcher = launcher
        self._environment = environment
        self._process: Started | None = None
        self._restart_delay_s = MIN_RESTART_DELAY_S
        self._failed_starts = FailedStarts()

    @property
    def pid(self) -> int | None:
        """Return the process ID while the process runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def run_until_cancelled(self) -> None:
        """Run the process, and restart it whenever it ends, until cancelled.

        Raises:
            CannotStart: The process cannot start with the current settings, or has failed at several starts.
        """
        while True:
            started = time.monotonic()
            self._process = await self._launcher.start(self._module, self._environment)
            code = await self._process.wait()
            uptime_s = time.monotonic() - started
            if code == CANNOT_START:
                raise CannotStart(self.name)
            if self._failed_starts.is_final(code, uptime_s=uptime_s):
                raise FailsAtStart(self.name, self._failed_starts.count, _exit_text(code))
            self._restart_delay_s = (
                MIN_RESTART_DELAY_S
                if uptime_s >= STABLE_AFTER_S
                else min(self._restart_delay_s * 2, MAX_RESTART_DELAY_S)
            )
            log.warning(
                "process ended, restarting it",
                process=self.name,
                ended=_exit_text(code),
                uptime_s=round(uptime_s, 1),
                restart_in_s=self._restart_delay_s,
            )
            await asyncio.sleep(self._restart_delay_s)

    async def end(self, kill_now: asyncio.Event, *, timeout_s: float) -> None:
        """Terminate the process and wait; kill it and its session after `timeout_s`, or immediately on `kill_now`."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            waits = {asyncio.ensure_future(process.wait()), asyncio.ensure_future(kill_now.wait())}
            _, pending = await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            for wait in pending:
                wait.cancel()
            if process.returncode is None:
                log.warning("process did not end in time, killing it", process=self.name)
        self._end_group()
        await process.wait()

    def _end_group(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _exit_text(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
