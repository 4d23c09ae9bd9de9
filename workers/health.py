"""Determine the health of a pool's worker processes, and whether they claim jobs.

`probes` serves it over HTTP.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

MAX_SILENCE_S: Final = 10.0
"""Seconds without a liveness signal after which a worker process counts as frozen; it sends one every
second."""
MAX_START_S: Final = 60.0
"""Seconds in which a new process must send its first signal, counted from the last one of the previous
process."""
STARTING: Final = "it is starting"
READ_BYTES: Final = 1 << 16


class SignsOfLife:
    """The liveness signals of the successive worker processes of one slot of the pool."""

    def __init__(self, number: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._number = number
        self._clock = clock
        self._pid: int | None = None
        self._descriptor: int | None = None
        self._unread = b""
        self._has_shown_life = False
        self._last_sign_at = clock()
        self._not_ready: str | None = STARTING

    @property
    def is_running(self) -> bool:
        """Whether the slot has a process that has not ended."""
        return self._descriptor is not None

    def follow(self, pid: int, descriptor: int) -> None:
        """Expect the signals of a started process from a descriptor."""
        os.set_blocking(descriptor, False)
        self._pid, self._descriptor, self._unread = pid, descriptor, b""
        self._has_shown_life, self._not_ready = False, STARTING

    def read(self, descriptor: int) -> bool:
        """Read the signals that have arrived, and return whether the process can send more.

        Signals of a process that has a successor already change nothing.
        """
        is_current = descriptor == self._descriptor
        try:
            while chunk := os.read(descriptor, READ_BYTES):
                if is_current:
                    self._on_text(chunk)
        except BlockingIOError:
            return True
        if is_current:
            self._descriptor, self._has_shown_life, self._not_ready = None, False, "it has ended"
        return False

    def silence(self) -> str | None:
        """Return which process has sent no signal for too long, and since when; none if it is healthy."""
        silent_s = self._clock() - self._last_sign_at
        if silent_s <= (MAX_SILENCE_S if self._has_shown_life else MAX_START_S):
            return None
        since = datetime.fromtimestamp(time.time() - silent_s, UTC).isoformat(timespec="seconds")
        what = "has sent no liveness signal" if self._has_shown_life else "has not started"
        return f"worker process {self._number} (pid {self._pid}) {what} since {since}"

    def why_not_ready(self) -> str | None:
        """Return why the process claims no jobs; none if it claims them."""
        silence = self.silence()
        if silence is not None or self._not_ready is None:
            return silence
        return f"worker process {self._number}: {self._not_ready}"

    def _on_text(self, chunk: bytes) -> None:
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        if lines:
            self._has_shown_life, self._last_sign_at = True, self._clock()
            self._not_ready = lines[-1].decode(errors="replace").strip() or None


class Health:
    """The responses of the pool to an orchestrator: a status, and a reason unless the status is `ok`."""

    def __init__(self, slots: Sequence[SignsOfLife], *, is_draining: Callable[[], bool]) -> None:
        self._slots = slots
        self._is_draining = is_draining

    def live(self) -> dict[str, str]:
        """Return whether each worker process is alive; while the pool drains, processes may have ended."""
        slots = [slot for slot in self._slots if slot.is_running or not self._is_draining()]
        reasons = [reason for slot in slots if (reason := slot.silence()) is not None]
        return {"status": "not_live", "reason": "; ".join(reasons)} if reasons else {"status": "ok"}

    def ready(self) -> dict[str, str]:
        """Return whether at least one worker process claims jobs."""
        if self._is_draining():
            return {
                "status": "draining",
                "reason": "the pool is stopping: it claims no jobs, and running jobs may finish",
            }
        reasons = [slot.why_not_ready() for slot in self._slots]
        if None in reasons:
            return {"status": "ok"}
        reason = "; ".join(reason for reason in reasons if reason is not None)
        return {"status": "not_ready", "reason": reason or "PURAS_WORKER_PROCESSES is 0"}
