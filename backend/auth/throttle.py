"""Holds back those who guess passwords: per address and per e-mail, in Redis, and in the process when it is away."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Final, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend import logs
from backend.auth.errors import TooManySignIns

log = logs.get(__name__)

WINDOW_S: Final = 15 * 60
MOST_PER_ADDRESS: Final = 50  # a company may sit behind one address
MOST_PER_EMAIL: Final = 10
_PATIENCE_S: Final = 1.0
_MOST_REMEMBERED: Final = 50_000


class _Count(NamedTuple):
    tries: int
    ends_in_s: int


@dataclass(slots=True)
class _Window:
    tries: int
    ends_at: float


class Throttle:
    """Counts every try before it is made, so that many at once gain nothing; a success clears its e-mail."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._local: dict[str, _Window] = {}

    async def count(self, *, address: str, email: str) -> None:
        """Count one try.

        Raises:
            TooManySignIns: there were too many from the address, or for the e-mail.
        """
        for key, most in (
            (_key("address", address), MOST_PER_ADDRESS),
            (_key("email", email), MOST_PER_EMAIL),
        ):
            counted = await self._count(key)
            if counted.tries > most:
                log.warning("signing in is held back", limit=key.split(":")[-2], tries=counted.tries)
                raise TooManySignIns(counted.ends_in_s)

    async def clear(self, *, email: str) -> None:
        """Forget the tries for the e-mail, whose owner has just shown the password."""
        key = _key("email", email)
        self._local.pop(key, None)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._redis.delete(key)
        except (RedisError, OSError):
            log.warning("redis does not answer; tries to sign in are counted in the process")

    async def _count(self, key: str) -> _Count:
        here = self._count_here(key)
        try:
            async with asyncio.timeout(_PATIENCE_S), self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, 0, ex=WINDOW_S, nx=True)
                pipeline.incr(key)
                pipeline.ttl(key)
                _, tries, ends_in_s = await pipeline.execute()
        except (RedisError, OSError):
            log.warning("redis does not answer; tries to sign in are counted in the process")
            return here
        return max(_Count(tries, max(1, ends_in_s)), here)

    def _count_here(self, key: str) -> _Count:
        at = time.monotonic()
        if len(self._local) >= _MOST_REMEMBERED:
            newest = list(self._local.items())[_MOST_REMEMBERED // 2 :]
            self._local = {known: window for known, window in newest if window.ends_at > at}
        window = self._local.get(key)
        if window is None or window.ends_at <= at:
            window = self._local[key] = _Window(0, at + WINDOW_S)
        window.tries += 1
        return _Count(window.tries, max(1, round(window.ends_at - at)))


def _key(kind: str, value: str) -> str:
    return f"puras:sign-in:{kind}:{hashlib.sha256(value.encode(errors='replace')).hexdigest()}"
