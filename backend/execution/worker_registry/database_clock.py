"""The wall clock of the database, by which leases run out: whether it was set since it was last read."""

from __future__ import annotations

import time
from typing import Final

from sqlalchemy import text

from backend.core.db.engine import AnySession

TOLERANCE_S: Final = 2.0
"""Less than a worker can be late with its heartbeat before its lease runs out."""
_READ: Final = text("select clock_timestamp()")


class DatabaseClock:
    """Compares the clock of the database with the monotonic clock of this process, each time that it is read."""

    def __init__(self) -> None:
        self._ahead_s: tuple[float, float] | None = None
        """How far it was ahead of the monotonic clock, at least and at most: the answer may have been on its way."""

    async def was_set(self, session: AnySession) -> bool:
        """Return whether the clock jumped since the last call; the first call can only say no."""
        asked_at = time.monotonic()
        read: float = (await session.execute(_READ)).scalar_one().timestamp()
        answered_at = time.monotonic()
        before, self._ahead_s = self._ahead_s, (read - answered_at, read - asked_at)
        if before is None:
            return False
        least, most = before
        return read - answered_at > most + TOLERANCE_S or read - asked_at < least - TOLERANCE_S
