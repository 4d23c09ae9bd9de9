"""A child process that is kept alive: started again when it ends, ended when `up` ends."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from backend.core import logs
from backend.core.bootstrap import CANNOT_START
from backend.core.errors import PurasError, field
from backend.operations import parent_death

log = logs.get(__name__)

SETTLED_S = 10.0  # whoever lived as long does not crash at its start
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0  # a process that can start again is back within 10 s


class CannotStart(PurasError):
    """A process cannot start with its settings. It has printed the reason."""

    code = "cannot_start"
    message = "The process of {name} cannot start: its reason is the line before this one."
    name: str = field(in_body=False)


class Child:
    """One of our modules as a process of its own, in a session of its own."""

    def __init__(self, name: str, module: str, environment: Mapping[str, str]) -> None:
        self.name = name
        self._module = module
        self._environment = environment
        self._process: Process | None = None
        self._pause_s = FIRST_PAUSE_S

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def keep(self) -> None:
        """Run it, and again whenever it ends; until cancelled.

        Raises:
            CannotStart: it cannot start, however often it is tried.
        """
        while True:
            started = time.monotonic()
            self._process = await self._spawn()
            code = await self._process.wait()
            lived_s = time.monotonic() - started
            if code == CANNOT_START:
                raise CannotStart(self.name)
            self._pause_s = FIRST_PAUSE_S if lived_s >= SETTLED_S else min(self._pause_s * 2, LONGEST_PAUSE_S)
            log.warning(
                "a process ended by itself and is started again",
                process=self.name,
                ended=_how(code),
                lived_s=round(lived_s, 1),
                again_in_s=self._pause_s,
            )
            await asyncio.sleep(self._pause_s)

    async def end(self, hurry: asyncio.Event, *, patience_s: float) -> None:
        """Ask it to end and wait; kill it and its session after `patience_s`, or at once when hurried."""
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            waits = {asyncio.ensure_future(process.wait()), asyncio.ensure_future(hurry.wait())}
            _, late = await asyncio.wait(waits, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            for wait in late:
                wait.cancel()
            if process.returncode is None:
                log.warning("a process did not end in time and is killed", process=self.name)
        self._end_group()
        await process.wait()

    async def _spawn(self) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-IS",
            str(Path(parent_death.__file__)),
            str(os.getpid()),
            sys.executable,
            "-m",
            self._module,
            env=self._environment,
            stdin=DEVNULL,
            start_new_session=True,
        )

    def _end_group(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _how(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
