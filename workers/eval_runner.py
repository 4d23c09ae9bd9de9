"""Takes suites of evals on: every few seconds, and at once when a job of one has ended here."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from backend.context import AppContext
from backend.core import background_tasks, logs
from backend.core.db.connections import why_away
from backend.evals import runner
from backend.evals.case_of_job import EVAL
from backend.evals.planning import Means
from backend.execution.jobs.claim import Claimed
from backend.money.pricing import PriceList

log = logs.get(__name__)

EVERY_S: Final = 2.0
TOGETHER_S: Final = 0.05
"""How long it waits for more jobs to end, so that a round serves them all."""


class Suites:
    """The suites that this process takes on; any process may take on any of them."""

    def __init__(self, context: AppContext) -> None:
        self._database = context.database
        self._means = Means(context.storage, PriceList.of(context.settings), context.settings.max_queued_jobs)
        self._ended = asyncio.Event()

    def note(self, claimed: Claimed) -> None:
        """An attempt is over here."""
        if claimed.source == EVAL:
            self._ended.set()

    async def keep_driving(self) -> None:
        """Take every live suite on, again and again, until cancelled."""
        while True:
            with background_tasks.log_and_continue("suites of evals"):
                try:
                    await runner.drive(self._database, self._means)
                except SQLAlchemyError as error:
                    log.warning("suites wait for the database; trying again", error=why_away(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(EVERY_S):
                    await self._ended.wait()
                    await asyncio.sleep(TOGETHER_S)
            self._ended.clear()
