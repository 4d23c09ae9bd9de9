"""Sends what is due: every worker process takes deliveries of its own, and waits for no receiver.

A delivery is taken by pushing the moment of its next try on by a lease. A process that dies in the middle leaves it to
be taken again after that, with the same id: receivers get everything at least once. An endpoint has few sends open at
once, one that fails a single one, so that slow receivers hold up nobody but themselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections import Counter
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.core import background_tasks, logs
from backend.core.background_tasks import PeriodicTask
from backend.core.db.connections import why_away
from backend.core.db.engine import Database
from backend.core.vault.errors import SecretUnreadable
from backend.core.vault.vault import Vault
from backend.integrations.webhooks import outcomes, signing
from backend.integrations.webhooks.sending import MAX_S, Sender, Sent

log = logs.get(__name__)

POLL_S: Final = 1.0
LEASE: Final = timedelta(seconds=3 * MAX_S)  # longer than a send with all its waits for the database
EACH: Final = 4
"""Sends to one webhook that a process has open at once."""
MAX_OPEN: Final = 256
"""Sends of one process; each is a socket and a few kilobytes."""
RECORDING: Final = 4
"""Connections to the database that take down what became of sends: the others are for jobs."""
LAST_WORDS_S: Final = 2.0
"""What open sends get when the process ends; the others are sent again by another one."""

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
    select w.id as of_webhook, w.url, w.failing_since, w.ciphertext,
           case when w.previous_until > now() then w.previous_ciphertext end as previous_ciphertext
    from webhooks w join projects p on p.id = w.project_id
    where w.id = waiting.webhook_id and w.enabled and p.deleted_at is null limit 1
  ) w
  cross join lateral (
    select d.id, d.next_at from webhook_deliveries d
    where d.webhook_id = waiting.webhook_id and d.status = 'pending' and d.next_at <= now()
    order by d.next_at
    limit greatest(0, case when w.failing_since is null then :each else 1 end
                      - coalesce(cast(cast(:open as jsonb) ->> cast(w.of_webhook as text) as int), 0))
    for update skip locked
  ) found
  order by found.next_at limit :most
)
update webhook_deliveries d
set attempts = d.attempts + 1, next_at = now() + cast(:lease as interval), attempted_at = now()
from due where d.id = due.id
returning d.id, d.webhook_id, d.project_id, d.body, d.attempts, due.url, due.failing_since, due.ciphertext,
          due.previous_ciphertext
""")


class Dispatcher:
    """Sends for one process, until it is cancelled."""

    def __init__(self, database: Database, vault: Vault, sender: Sender, *, lease: timedelta = LEASE) -> None:
        self._database = database
        self._vault = vault
        self._sender = sender
        self._lease = lease
        self._sends: set[asyncio.Task[None]] = set()
        self._open: Counter[UUID] = Counter()
        self._has_room = asyncio.Event()
        self._recording = asyncio.Semaphore(RECORDING)

    def periodic_task(self) -> PeriodicTask:
        """Return the task that sends what is due, once a second and whenever a send has made room."""
        return PeriodicTask(
            "webhooks", POLL_S, self._try_to_send_due, wait=self._wait_for_room, close=self.close
        )

    async def _try_to_send_due(self) -> None:
        try:
            await self.send_due()
        except SQLAlchemyError as error:
            log.warning("webhooks wait for the database", why=why_away(error))

    async def _wait_for_room(self, most_s: float) -> None:
        self._has_room.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most_s):
                await self._has_room.wait()

    async def send_due(self) -> int:
        """Begin to send what is due, as far as there is room; says how many that are."""
        room = MAX_OPEN - len(self._sends)
        if room <= 0:
            return 0
        values = {
            "each": EACH,
            "open": json.dumps({str(webhook_id): count for webhook_id, count in self._open.items()}),
            "most": room,
            "lease": self._lease,
        }
        async with self._database.single() as session:
            claimed = (await session.execute(_CLAIM, values)).all()
        for row in claimed:
            self._open[row.webhook_id] += 1
            send = asyncio.create_task(self._see_through(row), name=f"webhook delivery {row.id}")
            self._sends.add(send)
            send.add_done_callback(self._sends.discard)
        return len(claimed)

    async def settled(self) -> None:
        """Wait until what is open has ended."""
        await asyncio.gather(*self._sends)

    async def close(self) -> None:
        """Let open sends end within a moment, and drop the others."""
        if self._sends:
            await asyncio.wait(self._sends, timeout=LAST_WORDS_S)
        for send in list(self._sends):
            send.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)
        await self._sender.close()

    async def _see_through(self, claimed: Any) -> None:
        try:
            with background_tasks.log_and_continue("webhook delivery", delivery_id=str(claimed.id)):
                sent = await self._send(claimed)
                try:
                    async with self._recording:
                        await outcomes.record(self._database, claimed, sent)
                except SQLAlchemyError as error:  # it is sent again after its lease, with the same id
                    log.warning("a delivery was not recorded", id=str(claimed.id), why=why_away(error))
        finally:
            self._open[claimed.webhook_id] -= 1
            self._open += Counter()  # forgets those that have none
            self._has_room.set()

    async def _send(self, claimed: Any) -> Sent:
        body = claimed.body.encode()
        try:
            secrets = [
                self._vault.decrypt(one) for one in (claimed.ciphertext, claimed.previous_ciphertext) if one
            ]
        except SecretUnreadable:
            return Sent(None, None, "Its secret cannot be read with the keys of this instance. Rotate it.", 0)
        # Signed when it is sent: receivers refuse what is older than some minutes.
        headers = signing.headers(secrets, claimed.id, timestamp=int(time.time()), body=body)
        return await self._sender.send(claimed.url, headers, body)
