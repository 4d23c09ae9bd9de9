"""Work for which the database is needed, done through any moment in which it is away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from backend.core import logs
from backend.core.db.connections import DatabaseUnavailable, why_away

T = TypeVar("T")
log = logs.get(__name__)

RETRY_S: Final = 0.5
GIVE_UP_S: Final = 120.0
"""How long a database may be away before the process lets an attempt go: its job is sent on."""


async def through_absence(work: Callable[[], Awaitable[T]], what: str, **facts: object) -> T:
    """What the work gives, begun again for as long as the database is away; doing it twice must do no harm.

    Raises:
        OperationalError: it is unavailable for two minutes; `backend.core.db.connections.DatabaseUnavailable` lists
            the errors that mean the same.
    """
    deadline = time.monotonic() + GIVE_UP_S
    while True:
        try:
            return await work()
        except DatabaseUnavailable as error:
            if time.monotonic() > deadline:
                raise
            log.warning(f"{what}; trying again", error=why_away(error), **facts)
        await asyncio.sleep(RETRY_S)
