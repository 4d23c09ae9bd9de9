"""Limit attempts to guess passwords, keys and links. Attempts are counted in Redis, and in the process as well.

The limit for an e-mail alone is high: with a low one, anyone could lock its owner out. Keys, set-up links and links
to reset a password are too long to be guessed. Their limits only reduce load: a valid one always passes, so that no
client can lock out others behind the same IP address.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.core import logs
from backend.core.notifications import RESPONSE_TIMEOUT_S, RETRY_AFTER_S
from backend.identity.auth.errors import TooManyBadKeys, TooManyBadLinks, TooManySignIns

log = logs.get(__name__)

WINDOW_S: Final = 15 * 60
MAX_PER_PAIR: Final = 10  # of one IP address for one e-mail
MAX_PER_ADDRESS: Final = 50  # a company may share one IP address
MAX_PER_EMAIL: Final = 100
MAX_BAD_KEYS: Final = 100  # of one IP address: an app with an old key retries
MAX_BAD_LINKS: Final = 20  # of one IP address
_MAX_REMEMBERED: Final = 50_000


class _Limit(NamedTuple):
    kind: str
    maximum: int
    value: str


class _Count(NamedTuple):
    attempts: int
    ends_in_s: int


@dataclass(slots=True)
class _Window:
    attempts: int
    ends_at: float


class Throttle:
    """Count each attempt before it is made, so that concurrent ones gain nothing; a success resets the e-mail."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._local: dict[str, _Window] = {}
        self._unavailable_until = 0.0

    async def count(self, *, address: str, email: str) -> None:
        """Count one attempt to sign in or to confirm a password.

        Raises:
            TooManySignIns: There were too many from the IP address, or for the e-mail.
        """
        ends_in_s = await self._exceeded(_limits(network_of(address), email))
        if ends_in_s is not None:
            raise TooManySignIns(ends_in_s)

    async def count_bad_key(self, address: str) -> None:
        """Count a request with an unknown API key.

        Raises:
            TooManyBadKeys: There were too many from the IP address.
        """
        ends_in_s = await self._exceeded([_Limit("bad-key", MAX_BAD_KEYS, network_of(address))])
        if ends_in_s is not None:
            raise TooManyBadKeys(ends_in_s)

    async def count_bad_link(self, address: str) -> None:
        """Count a one-time link that is not valid.

        Raises:
            TooManyBadLinks: There were too many from the IP address.
        """
        ends_in_s = await self._exceeded([_Limit("bad-link", MAX_BAD_LINKS, network_of(address))])
        if ends_in_s is not None:
            raise TooManyBadLinks(ends_in_s)

    async def clear(self, *, address: str, email: str) -> None:
        """Reset the counts of the e-mail after its owner has entered the right password."""
        limits = _limits(network_of(address), email)
        keys = [_key(kind, value) for kind, _, value in limits if kind != "address"]
        for key in keys:
            self._local.pop(key, None)
        if time.monotonic() >= self._unavailable_until:
            try:
                async with asyncio.timeout(RESPONSE_TIMEOUT_S):
                    await self._redis.delete(*keys)
            except (RedisError, OSError):
                self._note_unavailable()

    async def _exceeded(self, limits: Iterable[_Limit]) -> int | None:
        """Return the seconds until the next allowed attempt if this one exceeds a limit, else `None`."""
        for kind, maximum, value in limits:
            counted = await self._count(_key(kind, value))
            if counted.attempts > maximum:
                log.warning("too many attempts rejected", limit=kind, attempts=counted.attempts)
                return counted.ends_in_s
        return None

    async def _count(self, key: str) -> _Count:
        local = self._count_locally(key)
        if time.monotonic() < self._unavailable_until:
            return local
        try:
            async with (
                asyncio.timeout(RESPONSE_TIMEOUT_S),
                self._redis.pipeline(transaction=True) as pipeline,
            ):
                pipeline.set(key, 0, ex=WINDOW_S, nx=True)
                pipeline.incr(key)
                pipeline.ttl(key)
                _, attempts, ends_in_s = await pipeline.execute()
        except (RedisError, OSError):
            self._note_unavailable()
            return local
        return max(_Count(attempts, max(1, ends_in_s)), local)

    def _note_unavailable(self) -> None:
        self._unavailable_until = time.monotonic() + RETRY_AFTER_S
        log.warning("redis unavailable, counting attempts in the process")

    def _count_locally(self, key: str) -> _Count:
        at = time.monotonic()
        if len(self._local) >= _MAX_REMEMBERED:
            newest = list(self._local.items())[_MAX_REMEMBERED // 2 :]
            self._local = {known: window for known, window in newest if window.ends_at > at}
        window = self._local.get(key)
        if window is None or window.ends_at <= at:
            window = self._local[key] = _Window(0, at + WINDOW_S)
        window.attempts += 1
        return _Count(window.attempts, max(1, round(window.ends_at - at)))


def network_of(address: str) -> str:
    """Return the address that attempts are counted for: an IPv6 client usually has a whole /64 network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address


def _limits(network: str, email: str) -> tuple[_Limit, ...]:
    return (
        _Limit("pair", MAX_PER_PAIR, f"{network} {email}"),
        _Limit("address", MAX_PER_ADDRESS, network),
        _Limit("email", MAX_PER_EMAIL, email),
    )


def _key(kind: str, value: str) -> str:
    return f"puras:sign-in:{kind}:{hashlib.sha256(value.encode(errors='replace')).hexdigest()}"
