"""Wait for the end of a job, and return the job as the API shows it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from starlette.types import Scope

from backend.context import AppContext
from backend.core.wakeups import Subscription
from backend.execution.events.follow import REREAD_S
from backend.execution.jobs import outputs
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.submit import JobSpec, submit
from backend.execution.jobs.until_ended import until_ended
from backend.identity.auth import gate
from backend.identity.auth.principal import Principal

MAX_WAIT_S: Final = 55.0
"""Less than the 60 seconds after which many clients and proxies time out."""
DEFAULT_WAIT_S: Final = 30.0
CHECKED_AFTER_S: Final = 1.0
"""After this wait, the permission of the caller is checked again before the response."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The time for which a response may wait for the end of a job."""

    seconds: float
    scope: Scope | None = None
    """The request of the caller."""

    async def check_caller(self, waited_s: float) -> None:
        """Reject a caller that lost its permission during the wait: the key was revoked, or the user signed out.

        Raises:
            PurasError: The caller may no longer read the job.
        """
        if self.scope is not None and waited_s >= CHECKED_AFTER_S:
            await gate.check_again(self.scope)


NO_WAIT: Final = Wait(0.0)


async def submit_and_wait(context: AppContext, principal: Principal, spec: JobSpec, wait: Wait) -> JobRead:
    """Submit a job, and return it when it has ended or the wait is over.

    Raises:
        PurasError: See `submit`.
    """
    with _followed(context, spec.job_id, wait) as subscription:
        # Jobs with `run_at` are counted before the submission, and a conversation is stored after it.
        is_one_statement = spec.request.run_at is None and spec.turn is None
        async with (
            context.database.single() if is_one_statement else context.database.transaction() as session
        ):
            submitted = await submit(session, principal, spec)
        if wait.seconds <= 0 and submitted.row is not None:
            return submitted.row.view(principal)
        if wait.seconds > 0:
            await subscription.wait(min(wait.seconds, REREAD_S))
        return await _when_ended(context, principal, spec.job_id, subscription, wait, is_submitter=True)


async def read_when_ended(context: AppContext, principal: Principal, job_id: UUID, wait: Wait) -> JobRead:
    """Return a job when it has ended or the wait is over.

    Raises:
        JobNotFound: The principal can see no such job.
    """
    with _followed(context, job_id, wait) as subscription:
        return await _when_ended(context, principal, job_id, subscription, wait)


def _followed(context: AppContext, job_id: UUID, wait: Wait) -> AbstractContextManager[Subscription]:
    """Subscribe to the end of a job, if there is a wait for it."""
    if wait.seconds > 0:
        return context.wakeups.subscribe(job_id, only_end=True)
    return nullcontext(Subscription(only_end=True))


async def _when_ended(
    context: AppContext,
    principal: Principal,
    job_id: UUID,
    subscription: Subscription,
    wait: Wait,
    *,
    is_submitter: bool = False,
) -> JobRead:
    """Return the job as the API shows it, if its caller may still read it."""
    started = time.monotonic()
    job = await until_ended(
        context, principal, job_id, subscription, within_s=wait.seconds, is_submitter=is_submitter
    )
    await wait.check_caller(time.monotonic() - started)
    [shown] = await outputs.with_signed_outputs(context, principal, [job])
    return shown
