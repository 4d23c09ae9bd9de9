"""Store when keys and sessions were last used: about once a minute each, in the background of requests."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Update, bindparam, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col

from backend.core import logs
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.identity.tables import ApiKey, Session

log = logs.get(__name__)

MIN_INTERVAL: Final = timedelta(minutes=1)
_MAX_REMEMBERED: Final = 10_000


class LastUse:
    """Write times of last use in the background of one process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written: dict[UUID, datetime] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of_key(self, key_id: UUID) -> None:
        """Record that the key is used now."""
        self._note(key_id, _KEYS)

    def of_session(self, session_id: UUID) -> None:
        """Record that the session is used now."""
        self._note(session_id, _SESSIONS)

    async def close(self) -> None:
        """Wait for pending writes."""
        await asyncio.gather(*self._tasks)

    def _note(self, row_id: UUID, statement: Update) -> None:
        at = now()
        before = self._written.get(row_id)
        if before is not None and at - before < MIN_INTERVAL:
            return
        if len(self._written) >= _MAX_REMEMBERED:
            self._written.clear()
        self._written[row_id] = at
        task = asyncio.create_task(self._write(statement, row_id, at), name="last use")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, statement: Update, row_id: UUID, at: datetime) -> None:
        try:
            async with self._database.transaction() as session:
                await session.execute(statement, {"row_id": row_id, "at": at, "before": at - MIN_INTERVAL})
        except (SQLAlchemyError, OSError) as error:
            log.warning("time of last use not written", row_id=str(row_id), error=type(error).__name__)


_KEYS: Final = (
    update(ApiKey)
    .where(col(ApiKey.id) == bindparam("row_id"))
    .where(col(ApiKey.last_used_at).is_(None) | (col(ApiKey.last_used_at) <= bindparam("before")))
    .values(last_used_at=bindparam("at"))
)
_SESSIONS: Final = (
    update(Session)
    .where(col(Session.id) == bindparam("row_id"), col(Session.last_seen_at) <= bindparam("before"))
    .values(last_seen_at=bindparam("at"))
)
