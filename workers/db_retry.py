"""Repeat a step of a job while the database is unavailable.

The step must be safe to repeat: it reads, or it writes under the number of its attempt. It is written as

    retry = DatabaseRetry("journal not read yet", job_id=str(job_id))
    while True:
        async with retry:
            async with database.reading() as session:
                return await service.read(session, job_id)
"""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Any, Final

from backend.core import logs
from backend.core.db.connections import DatabaseUnavailable, error_summary

RETRY_S: Final = 0.5
GIVE_UP_S: Final = 120.0
"""The time for which a database may be unavailable until the error is raised: the job then runs on another
worker."""


class DatabaseRetry:
    """Swallow errors of an unavailable database, after a pause, so that the loop around the block repeats it."""

    def __init__(self, what: str, *, give_up_s: float = GIVE_UP_S, log: Any = None, **fields: object) -> None:
        """Start the time in which the step may be repeated.

        Args:
            what: The step that is not done yet, for the log.
            give_up_s: After this time the block raises what it caught, one of `DatabaseUnavailable`.
            log: The logger that reports each retry; that of this module by default.
            **fields: Fields of each log line.
        """
        self._what = what
        self._log = log if log is not None else logs.get(__name__)
        self._fields = fields
        self._deadline = time.monotonic() + give_up_s

    async def __aenter__(self) -> None:
        """Start one attempt."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        """Return whether the block must run again."""
        if not isinstance(error, DatabaseUnavailable) or time.monotonic() > self._deadline:
            return False
        self._log.warning(f"{self._what}; retrying", error=error_summary(error), **self._fields)
        await asyncio.sleep(RETRY_S)
        return True
