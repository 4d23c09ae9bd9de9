"""Recognize a process that fails at every start, so that it is not restarted forever."""

from __future__ import annotations

import signal
import time
from typing import Final

from backend.core.bootstrap import TRY_AGAIN

STABLE_AFTER_S: Final = 10.0
"""A process that runs this long does not fail at its start."""
MAX_FAILED_STARTS: Final = 5
MIN_FAILING_S: Final = 30.0
"""For this long, failures may be caused by a server that is just starting."""
_CRASHES: Final = frozenset(
    {-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE, -signal.SIGSYS}
)


class FailedStarts:
    """The failures since a process last started successfully."""

    def __init__(self, *, min_failing_s: float = MIN_FAILING_S) -> None:
        self.count = 0
        self._min_failing_s = min_failing_s
        self._first_at = 0.0

    def is_final(self, exit_code: int, *, uptime_s: float) -> bool:
        """Record the end of the process, and return whether another start is pointless.

        A process that is killed, or that waits for another one, has not failed.
        """
        if uptime_s >= STABLE_AFTER_S:
            self.count = 0
            return False
        has_failed = exit_code > 0 or exit_code in _CRASHES
        if not has_failed or exit_code == TRY_AGAIN:
            return False
        if self.count == 0:
            self._first_at = time.monotonic() - uptime_s
        self.count += 1
        return self.count >= MAX_FAILED_STARTS and time.monotonic() - self._first_at >= self._min_failing_s
