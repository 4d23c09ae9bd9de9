"""Send one request to one receiver: to a public address, within ten seconds, without following redirects."""

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
MAX_RESPONSE_BYTES: Final = 64 * 1024
MAX_SHOWN: Final = 1_000
"""Characters of a response that are stored."""
GONE: Final = 410
"""Status with which the receiver declares that it wants no further requests."""
_MAX_REASON: Final = 300


class Sent(NamedTuple):
    """The result of one request."""

    code: int | None
    """None: there was no response."""
    answer: str | None
    error: str | None
    """None: the receiver has accepted it."""
    duration_ms: int


class Sender:
    """Sends the requests of one process; certificates are loaded with the first request."""

    def __init__(self, connect: Callable[[], httpx2.AsyncBaseTransport], *, max_s: float = MAX_S) -> None:
        self._connect = connect
        self._transport: httpx2.AsyncBaseTransport | None = None
        self._max_s = max_s

    @classmethod
    def to_public(cls, allowed: Receivers, *, max_s: float = MAX_S) -> Sender:
        """Return a sender to public addresses, and to those that the operator allows."""

        def connect() -> GuardedTransport:
            receivers = PublicDestinations(allowed.hosts, schemes=("https", "http"), ports=allowed.ports)
            return GuardedTransport(receivers, Limits(max_response_bytes=MAX_RESPONSE_BYTES))

        return cls(connect, max_s=max_s)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """Post the body; a failure is part of the result."""
        started = time.monotonic()
        code, answer, error = None, None, None
        try:
            async with asyncio.timeout(self._max_s):
                response = await self._post(url, headers, body)
                code = response.status_code
                answer = await _start_of(response)
        except (TimeoutError, httpx2.TimeoutException):
            if code is None:
                error = f"The receiver did not respond within {self._max_s:.0f} s."
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as exception:
            if code is None:
                error = _reason(exception)
        if code is not None:
            error = _error_of_status(code)
        return Sent(code, answer, error, int((time.monotonic() - started) * 1000))

    async def close(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            await self._transport.aclose()

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> httpx2.Response:
        if self._transport is None:
            self._transport = self._connect()
        # Without a client, since it would send the cookies of one receiver to the next one.
        default_headers = {"content-type": "application/json", "user-agent": f"puras-studio/{version()}"}
        timeouts = {"connect": self._max_s, "read": self._max_s, "write": self._max_s, "pool": self._max_s}
        request = httpx2.Request(
            "POST",
            url,
            headers={**default_headers, **headers},
            content=body,
            extensions={"timeout": timeouts},
        )
        return await self._transport.handle_async_request(request)


async def _start_of(response: httpx2.Response) -> str:
    """Return the start of the response; the connection is closed after it."""
    head = b""
    try:
        with suppress(ResponseTooLarge):
            async for chunk in response.stream:  # type: ignore[union-attr]  # always an asynchronous stream
                head += chunk[: MAX_SHOWN * 4 - len(head)]
    finally:
        await response.aclose()
    return head.decode(errors="replace").replace("\0", "\ufffd")[:MAX_SHOWN]


def _error_of_status(code: int) -> str | None:
    if httpx2.codes.is_success(code):
        return None
    if httpx2.codes.is_redirect(code):
        return f"The receiver responded with status {code}. Redirects are not followed: set the final URL."
    if code == GONE:
        return "The receiver responded with status 410 Gone."
    return f"The receiver responded with status {code}; only a status from 200 to 299 confirms delivery."


def _reason(error: Exception) -> str:
    if isinstance(error, NotReached):
        return f"The request was not sent: {error.detail}."
    return f"The receiver could not be reached ({type(error).__name__}): {error}"[:_MAX_REASON]
