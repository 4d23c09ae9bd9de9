"""Storing how an attempt ended: through any absence of the database, and as a fault of ours if it is refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from sqlalchemy.exc import DBAPIError
from structlog.typing import FilteringBoundLogger

from backend.core.db.connections import DatabaseUnavailable, why_away
from backend.core.db.engine import AnySession, Database
from backend.core.metrics.instruments import JOB_FINISH
from backend.core.tracing import spans
from backend.execution.jobs.claim import Claimed
from backend.execution.jobs.finish import Ending, finish, is_one_statement
from workers.db_retry import GIVE_UP_S, RETRY_S

FAULT: Final = Ending(
    "failed",
    error="The worker could not run this job or store its result. The operator finds the cause in its log.",
    error_code="internal_error",
)

Write = Callable[[], Awaitable[bool]]
"""Stores an end; false when the attempt is not the running one any more. Its number makes a second write harmless."""


class Storing:
    """The last writes of one attempt."""

    def __init__(
        self, database: Database, claimed: Claimed, log: FilteringBoundLogger, *, give_up_s: float = GIVE_UP_S
    ) -> None:
        self._database = database
        self._claimed = claimed
        self._log = log
        self._give_up_s = give_up_s

    def unit_for(self, ending: Ending) -> Callable[[], AbstractAsyncContextManager[AnySession]]:
        """An end without money or a caller is one statement."""
        return (
            self._database.single if is_one_statement(self._claimed, ending) else self._database.transaction
        )

    async def until_stored(self, write: Write, what: str) -> None:
        """Store an end, in a word `what`; does not raise, whatever the database says."""
        with spans.span("finish"), JOB_FINISH.time():
            for each, end in ((write, what), (self._write_fault, "failed")):
                try:
                    await self._through_absence(each, end)
                except DBAPIError as error:  # what it would refuse again; a deadlock is one of its absences
                    self._log.exception("the database refused an end", end=end, error=why_away(error))
                else:
                    return

    async def _through_absence(self, write: Write, what: str) -> None:
        deadline = time.monotonic() + self._give_up_s
        while True:
            try:
                is_ours = await write()
            except DatabaseUnavailable as error:
                if time.monotonic() > deadline:
                    self._log.error(
                        "end not stored: given up, its job is sent on", end=what, error=why_away(error)
                    )
                    return
                self._log.warning("end not stored yet; trying again", error=why_away(error))
                await asyncio.sleep(RETRY_S)
                continue
            if is_ours:
                self._log.info(f"job {what}")
            else:
                self._log.warning("end refused: the job runs elsewhere or has ended", end=what)
            return

    async def _write_fault(self) -> bool:
        async with self._database.transaction() as session:
            return await finish(session, self._claimed, FAULT)
