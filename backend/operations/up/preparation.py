"""The child process of `up` that uses the database, for the migrations and for the greeting.

Its libraries take 60 MB of memory. It ends after the greeting, whereas `up` runs as long as the instance.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from backend.config import Settings
from backend.core.errors import PurasError
from backend.operations.demo.access import DemoAccess
from backend.operations.up.child_process import command_of

MODULE = "backend.operations.up.preparer"
MAX_REPLY_BYTES = 1024 * 1024


class NotPrepared(PurasError):
    """The process could not do what was requested; the detail is its error, which the operator can fix."""

    code = "not_prepared"


class PreparationEnded(PurasError):
    """The process ended without a reply. It has printed the reason."""

    code = "preparation_ended"
    message = (
        "The process for {request} ended with exit code {exit_code}. The previous lines have the reason."
    )
    request: str
    exit_code: int


class Preparation:
    """Requests to the process, which starts with the first one if it does not run."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Return the process ID while the process runs."""
        return None if self._process is None else self._process.pid

    async def start(self) -> Process:
        """Start the process, so that it imports its libraries before the first request."""
        self._process = await asyncio.create_subprocess_exec(
            *command_of(MODULE),
            env=os.environ | {"PURAS_HOME": str(self._settings.home)},
            stdin=PIPE,
            stdout=PIPE,
            limit=MAX_REPLY_BYTES,
            start_new_session=True,
        )
        return self._process

    async def end(self) -> None:
        """Kill the process and its session, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def migrate(self) -> None:
        """Migrate the database to the revision of this release.

        Raises:
            NotPrepared: The database does not respond, or has the revision of a newer release.
        """
        await self._request("migrate")

    async def issue_setup_token(self) -> str | None:
        """Return a new token for the set-up link, or None if the instance has an owner."""
        token: str | None = await self._request("issue_setup_token")
        return token

    async def create_demo(self) -> DemoAccess:
        """Create the missing parts of the demo project, and run a job.

        Raises:
            NotPrepared: A part could not be created, or the job did not succeed.
        """
        return DemoAccess(**await self._request("create_demo"))

    async def _request(self, name: str) -> Any:
        process = self._process or await self.start()
        assert process.stdin is not None  # noqa: S101 - requested from the system
        assert process.stdout is not None  # noqa: S101 - requested from the system
        with suppress(ConnectionError):  # there is no reply then
            process.stdin.write(f"{name}\n".encode())
            await process.stdin.drain()
        line = await process.stdout.readline()
        if not line:
            self._process = None
            raise PreparationEnded(name, await process.wait())
        reply = json.loads(line)
        if "error" in reply:
            raise NotPrepared(reply["error"])
        return reply["result"]


@asynccontextmanager
async def preparing(settings: Settings) -> AsyncIterator[Preparation]:
    """Start the process, and end it after the block."""
    preparation = Preparation(settings)
    await preparation.start()
    try:
        yield preparation
    finally:
        await preparation.end()
