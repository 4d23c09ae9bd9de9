"""Limit the requests per minute of a key, a user and a project, across all API processes.

The counts are in Redis. While it is unavailable, each process counts on its own, starting at zero: a caller can send
up to the limit again to each process. Only requests that are in progress when Redis stops responding wait for it, at
most half a second; after that, a background task reconnects.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, Final, NamedTuple, cast

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.core import background_tasks, logs
from backend.core.notifications import RESPONSE_TIMEOUT_S, RETRY_AFTER_S
from backend.core.optional_packages import missing
from backend.identity.auth.errors import RateExceeded

log = logs.get(__name__)

WINDOW_S: Final = 60
_PREFIX: Final = "puras:rate"


@dataclass(frozen=True, slots=True)
class Policy:
    """The limit of requests per minute of one key, user or project."""

    kind: str
    """`key`, `person` or `project`: the name of the policy in the response headers."""
    subject: str
    """ID of the key, user or project."""
    requests: int


class Remaining(NamedTuple):
    """The remaining requests of a policy after a request."""

    policy: Policy
    requests: int
    resets_in_s: int
    is_exceeded: bool


class RateLimiter:
    """Count requests; one instance per process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        options: dict[str, Any] = {"connection_pool": redis.connection_pool}
        with missing("valkey"):  # a second client, which the storage would import without using it
            shared = RedisStorage("async+redis://", implementation="redispy", key_prefix=_PREFIX, **options)
        self._shared = SlidingWindowCounterRateLimiter(shared)
        self._local = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._reconnecting: asyncio.Task[None] | None = None

    async def count(self, policies: Sequence[Policy]) -> list[Remaining]:
        """Count one request against every policy, and return what remains of each."""
        if self._reconnecting is None:
            try:
                async with asyncio.timeout(RESPONSE_TIMEOUT_S):
                    return await _count(self._shared, policies)
            except (RedisError, OSError) as error:
                self._start_reconnecting(error)
        return await _count(self._local, policies)

    async def close(self) -> None:
        """Stop reconnecting to Redis."""
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reconnecting

    def _start_reconnecting(self, error: Exception) -> None:
        if self._reconnecting is None:
            log.warning("redis unavailable, counting requests in each process", error=type(error).__name__)
            self._reconnecting = asyncio.create_task(self._reconnect(), name="reconnect rate limits")

    async def _reconnect(self) -> None:
        while True:
            await asyncio.sleep(RETRY_AFTER_S)
            with (
                background_tasks.log_and_continue("reconnect rate limits to redis"),
                contextlib.suppress(RedisError, OSError),
            ):
                async with asyncio.timeout(RESPONSE_TIMEOUT_S):
                    await cast(Awaitable[bool], self._redis.ping())
                self._reconnecting = None
                return


def reject_exceeded(counted: Sequence[Remaining]) -> None:
    """Reject the request if it exceeds a policy.

    Raises:
        RateExceeded: A policy is exceeded; the error has the longest wait of them.
    """
    exceeded = [remaining for remaining in counted if remaining.is_exceeded]
    if exceeded:
        slowest = max(exceeded, key=lambda remaining: remaining.resets_in_s)
        raise RateExceeded(slowest.policy.kind, slowest.policy.requests, WINDOW_S, slowest.resets_in_s)


def headers(counted: Sequence[Remaining]) -> dict[str, str]:
    """Return the headers `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10."""
    return {
        "RateLimit": ", ".join(
            f'"{remaining.policy.kind}";r={remaining.requests};t={remaining.resets_in_s}'
            for remaining in counted
        ),
        "RateLimit-Policy": ", ".join(
            f'"{remaining.policy.kind}";q={remaining.policy.requests};w={WINDOW_S}' for remaining in counted
        ),
    }


async def _count(limiter: SlidingWindowCounterRateLimiter, policies: Sequence[Policy]) -> list[Remaining]:
    return list(await asyncio.gather(*(_count_one(limiter, policy) for policy in policies)))


async def _count_one(limiter: SlidingWindowCounterRateLimiter, policy: Policy) -> Remaining:
    item = RateLimitItemPerMinute(policy.requests, namespace=policy.kind)
    is_accepted = await limiter.hit(item, policy.subject)
    resets_at, remaining_requests = await limiter.get_window_stats(item, policy.subject)
    resets_in_s = max(1, ceil(resets_at - time.time()))
    return Remaining(
        policy,
        max(0, int(remaining_requests)) if is_accepted else 0,
        min(resets_in_s, WINDOW_S),
        not is_accepted,
    )
