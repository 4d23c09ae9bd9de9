"""Retry requests to the storage, for a limited time."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import httpx

from backend.core import logs
from backend.storage.errors import StorageUnavailable
from backend.storage.supabase.responses import StorageError, is_transient

log = logs.get(__name__)

_Result = TypeVar("_Result")
_MAX_PAUSE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to retry."""

    attempts: int = 4
    first_pause_s: float = 0.2
    max_s: float = 20.0
    """No attempt starts later than this after the first one; each attempt has its own timeouts."""


async def with_retries(
    retry_policy: RetryPolicy, what: str, request: Callable[[], Awaitable[_Result]]
) -> _Result:
    """Return the result of `request` from the first attempt that succeeds; `request` must be idempotent.

    Raises:
        StorageUnavailable: No attempt succeeded.
        StorageError: An error that a retry does not change.
    """
    started = time.monotonic()
    pause_s = retry_policy.first_pause_s
    for left in reversed(range(retry_policy.attempts)):
        try:
            return await request()
        except StorageError as error:
            if not is_transient(error):
                raise
            reason, retry_after_s = str(error), error.retry_after_s
        except httpx.TransportError as error:
            reason, retry_after_s = f"{type(error).__name__}: {error}", 0.0
        wait_s = max(retry_after_s, pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
        if not left or time.monotonic() - started + wait_s > retry_policy.max_s:
            log.warning("storage unavailable", request=what, reason=reason)
            raise StorageUnavailable
        log.info("storage request failed; retrying", request=what, reason=reason, in_s=round(wait_s, 2))
        await asyncio.sleep(wait_s)
        pause_s = min(_MAX_PAUSE_S, pause_s * 2)
    raise StorageUnavailable  # only reached with a policy without attempts
