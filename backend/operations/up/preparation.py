"""The child process of `up` that uses the database, for the migrations and for the greeting.

Its libraries take 60 MB of memory. It ends after the greeting, whereas `up` runs as long as the instance.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from backend.config import Settings
from backend.core.errors import PurasError
from backend.operations.demo.access import DemoAccess
from backend.operations.up.launcher import Launcher, Started

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

    def __init__(self, settings: Settings, launcher: Launcher) -> None:
        self._settings = settings
        self._launcher = launcher
        self._starting: asyncio.Task[_Connected] | None = None

    @property
    def pid(self) -> int | None:
        """Return the process ID while the process runs."""
        if self._starting is None or not self._starting.done() or self._starting.cancelled():
            return None
        return self._starting.result().process.pid

    def start(self) -> asyncio.Task[_Connected]:
        """Start the process, so that it imports its libraries before the first request."""
        self._starting = asyncio.create_task(self._start(), name="start of the preparation")
        return self._starting

    async def end(self) -> None:
        """Kill the process and its session, if it runs."""
        starting, self._starting = self._starting, None
        if starting is None:
            return
        starting.cancel()
        with suppress(asyncio.CancelledError, OSError):
            connected = await starting
            with suppress(ProcessLookupError):
                os.killpg(connected.process.pid, signal.SIGKILL)
            connected.requests.close()
            await connected.process.wait()

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

    async def _start(self) -> _Connected:
        ours, theirs = socket.socketpair()
        with theirs, ExitStack() as on_error:
            on_error.enter_context(ours)
            process = await self._launcher.start(
                MODULE,
                os.environ | {"PURAS_HOME": str(self._settings.home)},
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
            )
            replies, requests = await asyncio.open_connection(sock=ours, limit=MAX_REPLY_BYTES)
            on_error.pop_all()  # the streams close the socket
        return _Connected(process, requests, replies)

    async def _request(self, name: str) -> Any:
        connected = await (self._starting or self.start())
        line = b""
        with suppress(ConnectionError):  # there is no reply then
            connected.requests.write(f"{name}\n".encode())
            await connected.requests.drain()
            line = await connected.replies.readline()
        if not line:
            self._starting = None
            connected.requests.close()
            raise PreparationEnded(name, await connected.process.wait())
        reply = json.loads(line)
        if "error" in reply:
            raise NotPrepared(reply["error"])
        return reply["result"]


@dataclass(frozen=True, slots=True)
class _Connected:
    """The running process, and both directions of the connection to it."""

    process: Started
    requests: asyncio.StreamWriter
    replies: asyncio.StreamReader


@asynccontextmanager
async def preparing(settings: Settings, launcher: Launcher) -> AsyncIterator[Preparation]:
    """Start the process, and end it after the block."""
    preparation = Preparation(settings, launcher)
    preparation.start()
    try:
        yield preparation
    finally:
        await preparation.end()
