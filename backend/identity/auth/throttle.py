"""Holds back those who guess: counted in Redis, and in the process when it is away.

An e-mail alone has a wide limit: with a narrow one, anybody could lock its owner out from elsewhere. A key, a set-up
link and a link to reset a password are too long to be guessed; what is counted there is the nuisance, so a valid one
always passes, and nobody can shut out those who share his address.
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
from backend.core.notifications import ANSWER_S, AWAY_S
from backend.identity.auth.errors import TooManyBadKeys, TooManyBadLinks, TooManySignIns

log = logs.get(__name__)

WINDOW_S: Final = 15 * 60
MAX_PER_PAIR: Final = 10  # one address, one e-mail
MAX_PER_ADDRESS: Final = 50  # a company may sit behind one
MAX_PER_EMAIL: Final = 100
MAX_BAD_KEYS: Final = 100  # of one address: an app with an old key asks again and again
MAX_BAD_LINKS: Final = 20  # of one address
_MAX_REMEMBERED: Final = 50_000


class _Limit(NamedTuple):
    kind: str
    most: int
    value: str


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
        self._away_until = 0.0

    async def count(self, *, address: str, email: str) -> None:
        """Count one try to sign in, or to show a password.

        Raises:
            TooManySignIns: there were too many from the address, or for the e-mail.
        """
        ends_in_s = await self._exceeded(_limits(network_of(address), email))
        if ends_in_s is not None:
            raise TooManySignIns(ends_in_s)

    async def count_bad_key(self, address: str) -> None:
        """Count an API key that nobody has.

        Raises:
            TooManyBadKeys: there were too many from the address.
        """
        ends_in_s = await self._exceeded([_Limit("bad-key", MAX_BAD_KEYS, network_of(address))])
        if ends_in_s is not None:
            raise TooManyBadKeys(ends_in_s)

    async def count_bad_link(self, address: str) -> None:
        """Count a one-time link that is not valid.

        Raises:
            TooManyBadLinks: there were too many from the address.
        """
        ends_in_s = await self._exceeded([_Limit("bad-link", MAX_BAD_LINKS, network_of(address))])
        if ends_in_s is not None:
            raise TooManyBadLinks(ends_in_s)

    async def clear(self, *, address: str, email: str) -> None:
        """Forget the tries for the e-mail, whose owner has just shown the password."""
        limits = _limits(network_of(address), email)
        keys = [_key(kind, value) for kind, _, value in limits if kind != "address"]
        for key in keys:
            self._local.pop(key, None)
        if time.monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._redis.delete(*keys)
            except (RedisError, OSError):
                self._note_away()

    async def _exceeded(self, limits: Iterable[_Limit]) -> int | None:
        """Seconds until there may be another try, when one of the limits is passed by this one."""
        for kind, most, value in limits:
            counted = await self._count(_key(kind, value))
            if counted.tries > most:
                log.warning("guessing is held back", limit=kind, tries=counted.tries)
                return counted.ends_in_s
        return None

    async def _count(self, key: str) -> _Count:
        here = self._count_here(key)
        if time.monotonic() < self._away_until:
            return here
        try:
            async with asyncio.timeout(ANSWER_S), self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(key, 0, ex=WINDOW_S, nx=True)
                pipeline.incr(key)
                pipeline.ttl(key)
                _, tries, ends_in_s = await pipeline.execute()
        except (RedisError, OSError):
            self._note_away()
            return here
        return max(_Count(tries, max(1, ends_in_s)), here)

    def _note_away(self) -> None:
        self._away_until = time.monotonic() + AWAY_S
        log.warning("redis does not answer; tries are counted in the process")

    def _count_here(self, key: str) -> _Count:
        at = time.monotonic()
        if len(self._local) >= _MAX_REMEMBERED:
            newest = list(self._local.items())[_MAX_REMEMBERED // 2 :]
            self._local = {known: window for known, window in newest if window.ends_at > at}
        window = self._local.get(key)
        if window is None or window.ends_at <= at:
            window = self._local[key] = _Window(0, at + WINDOW_S)
        window.tries += 1
        return _Count(window.tries, max(1, round(window.ends_at - at)))


def network_of(address: str) -> str:
    """The address as it is counted: whoever has one of IPv6 has a whole /64."""
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
