"""Store the metrics of this process in the database, every few seconds and when the process ends."""

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
TIMEOUT_S: Final = 3.0
"""A report that takes longer is cancelled until the next one."""
WARN_EVERY_S: Final = 60.0

Role = Literal["api", "worker"]


class Reporter:
    """Stores metrics until it is closed; when the database is unavailable, it logs a warning once a minute."""

    def __init__(
        self,
        database: Database,
        role: Role,
        *,
        registry: CollectorRegistry = REGISTRY,
        measure: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to report; `measure` sets the gauges of the caller."""
        self.process_id = uuid4()
        self._measure = measure
        self._database = database
        self._role: Role = role
        self._registry = registry
        self._has_row = False
        self._stored: Samples = {}
        self._merged: Samples = {}
        """The values of earlier rows of this process, which were merged into the sums."""
        self._task: asyncio.Task[None] | None = None
        self._warned_at = -WARN_EVERY_S

    def start(self) -> None:
        """Start to report in the background."""
        self._task = asyncio.create_task(self._report_forever(), name="metrics")

    async def close(self) -> None:
        """Report for the last time, and stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._try_to_report()

    def numbers(self) -> Snapshot:
        """Return the metrics of this process, without the values that an earlier row of it has added to the sums.

        Call it in a thread, since it takes a few milliseconds.
        """
        self._measure()
        _measure_connections(self._database)
        now = snapshot.take(self._registry)
        if not self._merged:
            return now
        totals = {key: value - self._merged.get(key, 0.0) for key, value in now.totals.items()}
        return Snapshot(totals, now.gauges)

    async def report(self) -> None:
        """Store the metrics now.

        Raises:
            SQLAlchemyError: The database is unavailable.
        """
        numbers = await asyncio.to_thread(self.numbers)
        async with self._database.reading() as session:
            if not self._has_row:
                await store.enter(session, self.process_id, self._role, numbers)
                self._has_row = True
            elif not await store.write(session, self.process_id, numbers):
                self._start_new_row()
                return
        self._stored = numbers.totals

    def _start_new_row(self) -> None:
        """Start a new row: the row of this process was merged into the sums, which must not count it again."""
        self._merged = snapshot.added((self._merged, self._stored))
        self._stored = {}
        self.process_id = uuid4()
        self._has_row = False

    async def _report_forever(self) -> None:
        while True:
            await self._try_to_report()
            await asyncio.sleep(EVERY_S)

    async def _try_to_report(self) -> None:
        with background_tasks.log_and_continue("metrics"):
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self.report()
            except (SQLAlchemyError, OSError) as error:  # a timeout is an OSError too
                if time.monotonic() - self._warned_at >= WARN_EVERY_S:
                    self._warned_at = time.monotonic()
                    log.warning("metrics not stored; will retry", error=type(error).__name__)


def _measure_connections(database: Database) -> None:
    for (pool, state), count in database.connections().items():
        DATABASE_CONNECTIONS.labels(pool, state).set(count)
