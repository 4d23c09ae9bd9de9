"""HTTP to vetted addresses alone: each request is held against the rule, its name resolved once, and that one dialled.

A redirect is a request of its own, and a name that answers with another address a moment later changes nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Final

import httpx2

from backend.core.net.egress.refusals import Malformed, Refused, Turned
from backend.core.net.egress.rules import Target, read_target
from backend.core.net.egress.run_egress import RunEgress

_PORTS: Final = {"http": 80, "https": 443}
_MAX_ADDRESSES: Final = 4  # of one name that are tried
_CONNECT_S: Final = 6.0


class NotReached(httpx2.ConnectError):
    """A request goes no further; the sentence says why."""

    def __init__(self, sentence: str, request: httpx2.Request, *, is_refused: bool = False) -> None:
        """`is_refused`: the rule, or an address that is not public, forbids it."""
        super().__init__(sentence, request=request)
        self.sentence = sentence
        self.is_refused = is_refused


class TooMuch(httpx2.ReadError):
    """An answer is longer than may be read."""


class OutsideTransport(httpx2.AsyncBaseTransport):
    """Speaks HTTP with whom the rule allows."""

    def __init__(self, outside: RunEgress, *, most_bytes: int, keeps_connections: bool = False) -> None:
        """`most_bytes`: of one answer, as it comes over the wire."""
        self._outside = outside
        self._most_bytes = most_bytes
        kept = (
            4 if keeps_connections else 0
        )  # one that is kept was vetted for one name, and never serves another
        limits = httpx2.Limits(max_connections=16, max_keepalive_connections=kept)
        self._inner = httpx2.AsyncHTTPTransport(verify=_trusted(), trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request to a vetted address of its host.

        Raises:
            NotReached: the rule forbids it, an address is not public, or none answers.
        """
        target = _target_of(request)
        try:
            self._outside.dialer.screen(target)
            self._outside.rule.check(target)
            addresses = await self._outside.dialer.addresses_of(target)
        except Turned as turned:
            if isinstance(turned, Refused):
                self._outside.note(turned, target.host, target.port)
            raise NotReached(turned.sentence, request, is_refused=isinstance(turned, Refused)) from None
        response = await self._sent(request, target, addresses[:_MAX_ADDRESSES])
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Bounded(response, self._most_bytes),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    async def _sent(self, request: httpx2.Request, target: Target, addresses: list[str]) -> httpx2.Response:
        for address in addresses:
            extensions = dict(request.extensions)
            timeout = {**extensions.get("timeout", {}), "connect": _CONNECT_S}
            extensions |= {"timeout": timeout}
            if not target.is_address:
                extensions["sni_hostname"] = target.host
            onward = httpx2.Request(
                request.method,
                request.url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions=extensions,
            )
            try:
                return await self._inner.handle_async_request(onward)
            except (httpx2.ConnectTimeout, httpx2.ConnectError) as error:
                reason = str(error)
        raise NotReached(
            f"{target.host} does not answer on port {target.port}: {reason or 'timeout'}", request
        )


class _Bounded(httpx2.AsyncByteStream):
    """An answer's body, up to an amount."""

    def __init__(self, response: httpx2.Response, most_bytes: int) -> None:
        self._response = response
        self._left = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        if not isinstance(stream, httpx2.AsyncByteStream):
            raise TypeError("an answer over the network comes piece by piece")
        async for chunk in stream:
            self._left -= len(chunk)
            if self._left < 0:
                raise TooMuch("the answer is longer than may be read")
            yield chunk

    async def aclose(self) -> None:
        await asyncio.shield(self._response.aclose())


def _target_of(request: httpx2.Request) -> Target:
    url = request.url
    try:
        if url.scheme not in _PORTS:
            raise Malformed(f"{url.scheme or 'nothing'}: is not http: or https:, and there is no other way")
        if url.userinfo:
            raise Malformed("the address holds a user name or a password: leave them out")
        return read_target(url.netloc.decode("ascii"), default_port=_PORTS[url.scheme])
    except Malformed as malformed:
        raise NotReached(malformed.sentence, request) from None


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return ssl.create_default_context()  # reading all certificates takes long enough to do it once
