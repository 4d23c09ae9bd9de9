"""The sign of life that the event loop of a worker process sends to the pool, through a pipe that it inherits.

A pipe works when the database, Redis and the disk do not: an orchestrator must not restart workers for their faults.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

SIGN_EVERY_S: Final = 1.0
MAX_REASON_BYTES: Final = 500
"""Far below what a pipe takes in one piece, so that a line is never torn."""


class Liveness:
    """Sends a line every second: empty while the process claims jobs, or the reason why it does not."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_inheritable(descriptor, False)  # the code of jobs must not write to it
        os.set_blocking(descriptor, False)  # a pool that is stopped must not stop its workers
        self.why_not_ready: Callable[[], str | None] = lambda: "it starts"

    async def send_forever(self) -> None:
        """Send signs of life until cancelled."""
        while True:
            self.send()
            await asyncio.sleep(SIGN_EVERY_S)

    def send(self) -> None:
        """Send one sign of life."""
        reason = " ".join((self.why_not_ready() or "").split()).encode()[:MAX_REASON_BYTES]
        with suppress(OSError):  # the pool does not read, or has ended: the process notices that elsewhere
            os.write(self._descriptor, reason + b"\n")
