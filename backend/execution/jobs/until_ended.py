"""Wait for the end of a job in the database, which notifications speed up."""

from __future__ import annotations

import asyncio
import time
from uuid import UUID

from backend.context import AppContext
from backend.core.db.connections import DatabaseUnavailable
from backend.core.wakeups import Subscription
from backend.execution.events.follow import REREAD_S
from backend.execution.jobs import ended_row, queries
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.status import TERMINAL
from backend.identity.auth.principal import Principal


async def until_ended(
    context: AppContext,
    principal: Principal,
    job_id: UUID,
    subscription: Subscription,
    *,
    within_s: float,
    is_submitter: bool = False,
) -> JobRead:
    """Return the job when it has ended, or after `within_s` seconds. No database connection is held meanwhile.

    Only the request that submitted the job uses the row that its worker has sent. No query checks its permission.

    Raises:
        JobNotFound: The principal can see no such job.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            job = ended_row.read(subscription.row, principal, job_id) if is_submitter else None
            if job is None:
                async with context.database.reading() as connection:
                    job = await queries.get_job(connection, principal, job_id)
        except DatabaseUnavailable:  # the caller waits anyway, so wait for the database too
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(REREAD_S)
            continue
        remaining_s = deadline - time.monotonic()
        if job.status in TERMINAL or remaining_s <= 0:
            return job
        await subscription.wait(min(remaining_s, REREAD_S))
