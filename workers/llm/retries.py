"""Repeat calls of models that fail, by the retry policy of the worker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from backend.core import logs
from workers.llm.errors import ModelOverloaded, ModelUnavailable
from workers.llm.provider_errors import Fault
from workers.llm.retry_policy import RetryPolicy
from workers.llm.types import Reply, Retry

log = logs.get(__name__)


async def reply_with_retries(
    call: Callable[[], Awaitable[Reply]],
    fault_of: Callable[[Exception], Fault],
    *,
    faults: tuple[type[Exception], ...],
    slug: str,
    policy: RetryPolicy,
    on_retry: Callable[[Retry], None],
) -> Reply:
    """Return the reply of a call, which is repeated after a fault of the upstream or of the connection.

    Raises:
        PurasError: a retry cannot help, or would take too long here.
    """
    for attempt in range(1, policy.attempts + 1):
        try:
            return await call()
        except faults as error:
            fault = fault_of(error)
        wait_s = _wait_s(fault, attempt, policy, slug)
        retry = Retry(fault.reason, fault.status, slug, attempt, policy.attempts, wait_s)
        log.info("model call failed; retrying", **retry._asdict())
        on_retry(retry)
        await asyncio.sleep(wait_s)
    raise AssertionError("the last attempt returns or raises")


def _wait_s(fault: Fault, attempt: int, policy: RetryPolicy, slug: str) -> float:
    """Return how long to wait before the next attempt.

    Raises:
        PurasError: a retry cannot help, or would take too long here.
    """
    if fault.final is not None:
        raise fault.final
    wait_s = policy.wait_s(attempt, fault.retry_after_s)
    if attempt < policy.attempts and wait_s <= policy.max_wait_s:
        return wait_s
    if fault.is_busy:
        raise ModelOverloaded(slug, wait_s, tries=attempt)
    raise ModelUnavailable(slug, fault.reason, tries=attempt)
