"""Send liveness signals from the event loop of a worker process to the pool, through an inherited pipe.

A pipe works when the database, Redis and the disk do not: an orchestrator must not restart workers for such
failures.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final

SIGN_EVERY_S: Final = 1.0
MAX_REASON_BYTES: Final = 500
"""Far below the size of an atomic write to a pipe, so that a line is never split."""


class Liveness:
    """Sends a line every second: empty while the process claims jobs, or the reason why it does not."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_inheritable(descriptor, False)  # the code of jobs must not write to it
        os.set_blocking(descriptor, False)  # a pool that is stopped must not stop its workers
        self.why_not_ready: Callable[[], str | None] = lambda: "it is starting"

    async def send_forever(self) -> None:
        """Send liveness signals until cancelled."""
        while True:
            self.send()
            await asyncio.sleep(SIGN_EVERY_S)

    def send(self) -> None:
        """Send one liveness signal."""
        reason = " ".join((self.why_not_ready() or "").split()).encode()[:MAX_REASON_BYTES]
        with suppress(OSError):  # the pool does not read, or has ended, which the process detects elsewhere
            os.write(self._descriptor, reason + b"\n")
