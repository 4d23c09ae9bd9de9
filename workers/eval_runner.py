"""Advance eval suites: every few seconds, and immediately after a job of one has ended in this process."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from backend.context import AppContext
from backend.core import logs
from backend.core.background_tasks import PeriodicTask
from backend.core.db.connections import error_summary
from backend.evals import runner
from backend.evals.case_of_job import EVAL
from backend.evals.planning import SuiteResources
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.money.pricing import PriceList

log = logs.get(__name__)

EVERY_S: Final = 2.0
TOGETHER_S: Final = 0.05
"""The time to wait for more jobs to end, so that one round processes all of them."""


class Suites:
    """The suites that this process advances; any process can advance any of them."""

    def __init__(self, context: AppContext) -> None:
        self._database = context.database
        self._resources = SuiteResources(
            context.storage, PriceList.of(context.settings), context.settings.max_queued_jobs
        )
        self._ended = asyncio.Event()

    def note(self, job_attempt: JobAttempt) -> None:
        """Note that an attempt has ended in this process."""
        if job_attempt.source == EVAL:
            self._ended.set()

    def periodic_task(self) -> PeriodicTask:
        """Return the task that advances every live suite."""
        return PeriodicTask("eval suites", EVERY_S, self._advance, wait=self._wait_for_ended)

    async def _advance(self) -> None:
        try:
            await runner.advance_all(self._database, self._resources)
        except SQLAlchemyError as error:
            log.warning("eval suites delayed: database unavailable; retrying", error=error_summary(error))

    async def _wait_for_ended(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._ended.wait()
                await asyncio.sleep(TOGETHER_S)
        self._ended.clear()
