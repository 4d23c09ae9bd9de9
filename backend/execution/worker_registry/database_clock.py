"""Detect changes of the wall clock of the database, which decides when leases expire."""

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
        """Minimum and maximum offset to the monotonic clock: the response takes an unknown part of the round trip."""

    async def was_set(self, session: AnySession) -> bool:
        """Return whether the clock was set since the last call; the first call returns False."""
        sent_at = time.monotonic()
        database_time: float = (await session.execute(_READ)).scalar_one().timestamp()
        received_at = time.monotonic()
        before, self._ahead_s = self._ahead_s, (database_time - received_at, database_time - sent_at)
        if before is None:
            return False
        minimum, maximum = before
        return (
            database_time - received_at > maximum + TOLERANCE_S
            or database_time - sent_at < minimum - TOLERANCE_S
        )
