"""Rates: how many requests a minute a key, a person and a project may send, counted together by all API processes.

The counts are in Redis. While it is away each process counts for itself, from nothing: a caller may get as much again
from each process, and no more. Only the requests that are on their way when Redis falls silent wait for it, half a
second at most; after that it is asked in the background until it answers again.
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
from backend.core.notifications import ANSWER_S, AWAY_S
from backend.identity.auth.errors import RateExceeded

log = logs.get(__name__)

WINDOW_S: Final = 60
_PREFIX: Final = "puras:rate"


@dataclass(frozen=True, slots=True)
class Policy:
    """So many requests a minute for one key, person or project."""

    whose: str
    """`key`, `person` or `project`: how the headers name the policy."""
    subject: str
    """What is counted: an id of that kind."""
    requests: int


class Left(NamedTuple):
    """What a policy leaves after a request."""

    policy: Policy
    requests: int
    resets_in_s: int
    is_exceeded: bool


class RateLimiter:
    """Counts requests; one for each process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        options: dict[str, Any] = {"connection_pool": redis.connection_pool}
        shared = RedisStorage("async+redis://", implementation="redispy", key_prefix=_PREFIX, **options)
        self._shared = SlidingWindowCounterRateLimiter(shared)
        self._own = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._waiting_for_redis: asyncio.Task[None] | None = None

    async def count(self, policies: Sequence[Policy]) -> list[Left]:
        """Count one request against every policy, and say what is left of each."""
        if self._waiting_for_redis is None:
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await _count(self._shared, policies)
            except (RedisError, OSError) as error:
                self._note_away(error)
        return await _count(self._own, policies)

    async def close(self) -> None:
        """Stop waiting for Redis."""
        if self._waiting_for_redis is not None:
            self._waiting_for_redis.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._waiting_for_redis

    def _note_away(self, error: Exception) -> None:
        if self._waiting_for_redis is None:
            log.warning(
                "redis does not answer; requests are counted in each process", error=type(error).__name__
            )
            self._waiting_for_redis = asyncio.create_task(
                self._until_it_answers(), name="rates wait for redis"
            )

    async def _until_it_answers(self) -> None:
        while True:
            await asyncio.sleep(AWAY_S)
            with (
                background_tasks.log_and_continue("rates wait for redis"),
                contextlib.suppress(RedisError, OSError),
            ):
                async with asyncio.timeout(ANSWER_S):
                    await cast(Awaitable[bool], self._redis.ping())
                self._waiting_for_redis = None
                return


def refuse_exceeded(counted: Sequence[Left]) -> None:
    """Refuse the request when a policy has nothing left for it.

    Raises:
        RateExceeded: with the longest wait of those that have not.
    """
    over = [left for left in counted if left.is_exceeded]
    if over:
        last = max(over, key=lambda left: left.resets_in_s)
        raise RateExceeded(last.policy.whose, last.policy.requests, WINDOW_S, last.resets_in_s)


def headers(counted: Sequence[Left]) -> dict[str, str]:
    """`RateLimit` and `RateLimit-Policy`, as draft-ietf-httpapi-ratelimit-headers-10 writes them."""
    return {
        "RateLimit": ", ".join(
            f'"{left.policy.whose}";r={left.requests};t={left.resets_in_s}' for left in counted
        ),
        "RateLimit-Policy": ", ".join(
            f'"{left.policy.whose}";q={left.policy.requests};w={WINDOW_S}' for left in counted
        ),
    }


async def _count(limiter: SlidingWindowCounterRateLimiter, policies: Sequence[Policy]) -> list[Left]:
    return list(await asyncio.gather(*(_count_one(limiter, policy) for policy in policies)))


async def _count_one(limiter: SlidingWindowCounterRateLimiter, policy: Policy) -> Left:
    item = RateLimitItemPerMinute(policy.requests, namespace=policy.whose)
    has_room = await limiter.hit(item, policy.subject)
    resets_at, remaining = await limiter.get_window_stats(item, policy.subject)
    resets_in_s = max(1, ceil(resets_at - time.time()))
    return Left(policy, max(0, int(remaining)) if has_room else 0, min(resets_in_s, WINDOW_S), not has_room)
