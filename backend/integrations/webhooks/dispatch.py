"""Send deliveries that are due: every worker process claims its own, and waits for no receiver.

A claim moves the time of the next attempt by a lease. If the process dies, the delivery is claimed again after that
with the same ID: receivers get everything at least once. A webhook has few open sends at a time, a failing one only
one, so that slow receivers delay only themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.core import background_tasks, logs
from backend.core.background_tasks import PeriodicTask
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database
from backend.integrations.webhooks import outcomes
from backend.integrations.webhooks.channels import Channels
from backend.integrations.webhooks.sending import MAX_S

log = logs.get(__name__)

POLL_S: Final = 1.0
LEASE: Final = timedelta(seconds=3 * MAX_S)  # longer than one send with all its waits for the database
MAX_OPEN_PER_WEBHOOK: Final = 4
"""Open sends of one process to one webhook."""
MAX_OPEN: Final = 256
"""Open sends of one process. Each uses a socket and a few kilobytes."""
MAX_RECORDING: Final = 4
"""Database connections that store results of sends. The others are for jobs."""
CLOSE_TIMEOUT_S: Final = 2.0
"""How long open sends may take when the process ends. Another process repeats the rest."""

_CLAIM = text("""
with recursive waiting as (
  (select webhook_id from webhook_deliveries where status = 'pending' order by webhook_id limit 1)
  union all
  select (
    select d.webhook_id from webhook_deliveries d
    where d.status = 'pending' and d.webhook_id > waiting.webhook_id order by d.webhook_id limit 1
  )
  from waiting where waiting.webhook_id is not null
), due as (
  select found.id, w.* from waiting
  cross join lateral (
    select w.id as of_webhook, w.url, w.format, w.failing_since, w.ciphertext, p.name as project_name,
           p.slug as project_slug,
           case when w.previous_until > now() then w.previous_ciphertext end as previous_ciphertext
    from webhooks w join projects p on p.id = w.project_id
    where w.id = waiting.webhook_id and w.enabled and p.deleted_at is null limit 1
  ) w
  cross join lateral (
    select d.id, d.next_at from webhook_deliveries d
    where d.webhook_id = waiting.webhook_id and d.status = 'pending' and d.next_at <= now()
    order by d.next_at
    limit greatest(0, case when w.failing_since is null then :max_open else 1 end
                      - coalesce(cast(cast(:open as jsonb) ->> cast(w.of_webhook as text) as int), 0))
    for update skip locked
  ) found
  order by found.next_at limit :max_rows
)
update webhook_deliveries d
set attempts = d.attempts + 1, next_at = now() + cast(:lease as interval), attempted_at = now()
from due where d.id = due.id
returning d.id, d.webhook_id, d.project_id, d.event, d.body, d.attempts, due.url, due.failing_since, due.ciphertext,
          due.previous_ciphertext, due.format, due.project_name, due.project_slug
""")


class Dispatcher:
    """Sends deliveries for one process until it is cancelled."""

    def __init__(self, database: Database, channels: Channels, *, lease: timedelta = LEASE) -> None:
        self._database = database
        self._channels = channels
        self._lease = lease
        self._sends: set[asyncio.Task[None]] = set()
        self._open: Counter[UUID] = Counter()
        self._has_capacity = asyncio.Event()
        self._recording = asyncio.Semaphore(MAX_RECORDING)

    def periodic_task(self) -> PeriodicTask:
        """Return the task that sends what is due, once a second and whenever a send has ended."""
        return PeriodicTask(
            "webhooks", POLL_S, self._try_to_send_due, wait=self._wait_for_capacity, close=self.close
        )

    async def _try_to_send_due(self) -> None:
        try:
            await self.send_due()
        except SQLAlchemyError as error:
            log.warning("webhooks are delayed: the database is unavailable", reason=error_summary(error))

    async def _wait_for_capacity(self, timeout_s: float) -> None:
        self._has_capacity.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._has_capacity.wait()

    async def send_due(self) -> int:
        """Start to send what is due, up to the capacity; return the number of sends."""
        capacity = MAX_OPEN - len(self._sends)
        if capacity <= 0:
            return 0
        values = {
            "max_open": MAX_OPEN_PER_WEBHOOK,
            "open": json.dumps({str(webhook_id): count for webhook_id, count in self._open.items()}),
            "max_rows": capacity,
            "lease": self._lease,
        }
        async with self._database.single() as session:
            claimed = (await session.execute(_CLAIM, values)).all()
        for row in claimed:
            self._open[row.webhook_id] += 1
            send = asyncio.create_task(self._deliver(row), name=f"webhook delivery {row.id}")
            self._sends.add(send)
            send.add_done_callback(self._sends.discard)
        return len(claimed)

    async def settled(self) -> None:
        """Wait until the open sends have ended."""
        await asyncio.gather(*self._sends)

    async def close(self) -> None:
        """Wait shortly for open sends, then cancel the others."""
        if self._sends:
            await asyncio.wait(self._sends, timeout=CLOSE_TIMEOUT_S)
        for send in list(self._sends):
            send.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)
        await self._channels.close()

    async def _deliver(self, claimed: Any) -> None:
        try:
            with background_tasks.log_and_continue("webhook delivery", delivery_id=str(claimed.id)):
                sent = await self._channels.send(claimed)
                try:
                    async with self._recording:
                        await outcomes.record(self._database, claimed, sent)
                except SQLAlchemyError as error:  # it is sent again after its lease, with the same ID
                    log.warning(
                        "webhook delivery was not recorded",
                        delivery_id=str(claimed.id),
                        reason=error_summary(error),
                    )
        finally:
            self._open[claimed.webhook_id] -= 1
            self._open += Counter()  # drops webhooks without open sends
            self._has_capacity.set()
