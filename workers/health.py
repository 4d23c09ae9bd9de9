"""Determine the health of a pool's worker processes, and whether they claim jobs.

`probes` serves it over HTTP.
"""

from __future__ import annotations

import os
import threading
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


class SignsOfLife:
    """The liveness signals of the successive worker processes of one slot of the pool."""

    def __init__(self, number: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._number = number
        self._clock = clock
        self._lock = threading.Lock()
        self._pid: int | None = None
        self._is_running = False
        self._has_shown_life = False
        self._last_sign_at = clock()
        self._not_ready: str | None = STARTING

    @property
    def is_running(self) -> bool:
        """Whether the slot has a process that has not ended."""
        return self._is_running

    def follow(self, pid: int, descriptor: int) -> None:
        """Read the signals of a started process, in a thread that ends with the process."""
        with self._lock:
            self._pid, self._is_running, self._has_shown_life, self._not_ready = pid, True, False, STARTING
        threading.Thread(
            target=self._read, args=(pid, descriptor), name=f"liveness {pid}", daemon=True
        ).start()

    def silence(self) -> str | None:
        """Return which process has sent no signal for too long, and since when; none if it is healthy."""
        with self._lock:
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

    def _read(self, pid: int, descriptor: int) -> None:
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                with self._lock:
                    if self._pid == pid:
                        self._has_shown_life, self._last_sign_at = True, self._clock()
                        self._not_ready = line.strip() or None
        with self._lock:
            if self._pid == pid:
                self._is_running, self._has_shown_life, self._not_ready = False, False, "it has ended"


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
