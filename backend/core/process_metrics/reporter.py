"""Writes the numbers of this process where every other finds them, every few seconds and when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final, Literal
from uuid import uuid4

from prometheus_client import CollectorRegistry
from sqlalchemy.exc import SQLAlchemyError

from backend.core import background_tasks, logs
from backend.core.db.engine import Database
from backend.core.metrics.instruments import DATABASE_CONNECTIONS, REGISTRY
from backend.core.process_metrics import snapshot, store
from backend.core.process_metrics.snapshot import Samples, Snapshot

log = logs.get(__name__)

EVERY_S: Final = 5.0
PATIENCE_S: Final = 3.0
"""A database that takes longer is left alone until the next time."""
COMPLAIN_EVERY_S: Final = 60.0

Role = Literal["api", "worker"]


class Reporter:
    """Reports until it is closed; a database that is away costs nothing but a line a minute in the log."""

    def __init__(
        self,
        database: Database,
        role: Role,
        *,
        registry: CollectorRegistry = REGISTRY,
        measure: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to report; `measure` sets the gauges that only its caller can."""
        self.process_id = uuid4()
        self._measure = measure
        self._database = database
        self._role: Role = role
        self._registry = registry
        self._has_entered = False
        self._stored: Samples = {}
        self._folded: Samples = {}
        """What earlier rows of this process held when they were folded away."""
        self._task: asyncio.Task[None] | None = None
        self._complained_at = -COMPLAIN_EVERY_S

    def start(self) -> None:
        """Begin to report in the background."""
        self._task = asyncio.create_task(self._report_forever(), name="metrics")

    async def close(self) -> None:
        """Report a last time and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._try_to_report()

    def numbers(self) -> Snapshot:
        """What this process has counted, less what is in the books under an earlier row of it.

        Takes a few milliseconds, so that it is for a thread.
        """
        self._measure()
        _measure_connections(self._database)
        now = snapshot.take(self._registry)
        if not self._folded:
            return now
        totals = {key: value - self._folded.get(key, 0.0) for key, value in now.totals.items()}
        return Snapshot(totals, now.gauges)

    async def report(self) -> None:
        """Write the numbers now.

        Raises:
            SQLAlchemyError: The database is away.
        """
        numbers = await asyncio.to_thread(self.numbers)
        async with self._database.reading() as session:
            if not self._has_entered:
                await store.enter(session, self.process_id, self._role, numbers)
                self._has_entered = True
            elif not await store.write(session, self.process_id, numbers):
                self._begin_anew()
                return
        self._stored = numbers.totals

    def _begin_anew(self) -> None:
        """The process was taken for dead and its row was folded: what that held is not counted again."""
        self._folded = snapshot.added((self._folded, self._stored))
        self._stored = {}
        self.process_id = uuid4()
        self._has_entered = False

    async def _report_forever(self) -> None:
        while True:
            await self._try_to_report()
            await asyncio.sleep(EVERY_S)

    async def _try_to_report(self) -> None:
        with background_tasks.log_and_continue("metrics"):
            try:
                async with asyncio.timeout(PATIENCE_S):
                    await self.report()
            except (SQLAlchemyError, OSError) as error:  # a timeout is an OSError too
                if time.monotonic() - self._complained_at >= COMPLAIN_EVERY_S:
                    self._complained_at = time.monotonic()
                    log.warning("metrics not stored; trying again", error=type(error).__name__)


def _measure_connections(database: Database) -> None:
    for (pool, state), count in database.connections().items():
        DATABASE_CONNECTIONS.labels(pool, state).set(count)
