"""One request to one receiver: to a public address, within ten seconds, following nobody elsewhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, NamedTuple

import httpx2

from backend.core.net.destinations import NotReached, PublicDestinations
from backend.core.net.transport import GuardedTransport, Limits, ResponseTooLarge
from backend.core.version import version
from backend.integrations.webhooks.addresses import Receivers

MAX_S: Final = 10.0
MAX_ANSWER_BYTES: Final = 64 * 1024
MAX_SHOWN: Final = 1_000
"""Characters of an answer that are kept."""
GONE: Final = 410
"""The receiver says that it wants nothing any more."""
_MAX_REASON: Final = 300


class Sent(NamedTuple):
    """What became of one request."""

    code: int | None
    """None: there was no answer."""
    answer: str | None
    error: str | None
    """None: the receiver has taken it."""
    duration_ms: int


class Sender:
    """Sends for one process; what it needs for https is read with the first request."""

    def __init__(self, connect: Callable[[], httpx2.AsyncBaseTransport], *, most_s: float = MAX_S) -> None:
        self._connect = connect
        self._transport: httpx2.AsyncBaseTransport | None = None
        self._most_s = most_s

    @classmethod
    def to_public(cls, allowed: Receivers, *, most_s: float = MAX_S) -> Sender:
        """One that reaches the internet, and what the operator allows."""

        def connect() -> GuardedTransport:
            receivers = PublicDestinations(allowed.hosts, schemes=("https", "http"), ports=allowed.ports)
            return GuardedTransport(receivers, Limits(max_response_bytes=MAX_ANSWER_BYTES))

        return cls(connect, most_s=most_s)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """Post the body; whatever goes wrong is told in the answer."""
        began = time.monotonic()
        code, answer, error = None, None, None
        try:
            async with asyncio.timeout(self._most_s):
                response = await self._asked(url, headers, body)
                code = response.status_code
                answer = await _beginning(response)
        except (TimeoutError, httpx2.TimeoutException):
            if code is None:
                error = f"The receiver did not answer within {self._most_s:.0f} s."
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as fault:
            if code is None:
                error = _reason(fault)
        if code is not None:
            error = _refusal(code)
        return Sent(code, answer, error, int((time.monotonic() - began) * 1000))

    async def close(self) -> None:
        """Close what is open."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _asked(self, url: str, headers: Mapping[str, str], body: bytes) -> httpx2.Response:
        if self._transport is None:
            self._transport = self._connect()
        # Not through a client: it would keep the cookies of one receiver for the next.
        own = {"content-type": "application/json", "user-agent": f"puras-studio/{version()}"}
        times = {"connect": self._most_s, "read": self._most_s, "write": self._most_s, "pool": self._most_s}
        request = httpx2.Request(
            "POST", url, headers={**own, **headers}, content=body, extensions={"timeout": times}
        )
        return await self._transport.handle_async_request(request)


async def _beginning(response: httpx2.Response) -> str:
    """How the answer begins; a receiver that talks for long is hung up on, and has been heard all the same."""
    head = b""
    try:
        with suppress(ResponseTooLarge):
            async for chunk in response.stream:  # type: ignore[union-attr]  # that of an answer over a network
                head += chunk[: MAX_SHOWN * 4 - len(head)]
    finally:
        await response.aclose()
    return head.decode(errors="replace").replace("\0", "\ufffd")[:MAX_SHOWN]


def _refusal(code: int) -> str | None:
    if httpx2.codes.is_success(code):
        return None
    if httpx2.codes.is_redirect(code):
        return f"The receiver answered {code}: redirects are not followed. Name the address itself."
    if code == GONE:
        return "The receiver answered 410: it wants nothing any more."
    return f"The receiver answered {code}; 200 to 299 says that it has taken the event."


def _reason(fault: Exception) -> str:
    if isinstance(fault, NotReached):
        return f"It was not sent: {fault.sentence}."
    return f"The receiver could not be reached ({type(fault).__name__}): {fault}"[:_MAX_REASON]
