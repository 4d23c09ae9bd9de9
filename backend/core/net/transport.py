"""The guarded transport of outbound HTTP: every client for a URL that a tenant or a user controls is built on it.

Each request, and so each redirect, is checked by the `Destinations` of the caller and connects to an address that was
checked. Response bodies are bounded, on the wire and after decompression. Headers are bounded by httpx2, to 100 KB.
"""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import httpx2

from backend.core.net.destinations import Destinations, port_of

_MAX_ADDRESSES: Final = 4
"""Addresses of one name that are tried."""
_ANY_ENCODING: Final = 32 + zlib.MAX_WBITS  # gzip or zlib, recognized by the first bytes
_PIECE_BYTES: Final = 1 << 16
"""Maximum decompressed data of one response in memory at the same time."""


class ResponseTooLarge(httpx2.ReadError):
    """A response body is longer than the limit of its caller."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the response is longer than {max_bytes} bytes")


class UnexpectedEncoding(httpx2.DecodingError):
    """A response body has a content encoding that the request did not accept."""

    def __init__(self, encoding: str) -> None:
        super().__init__(f"the response has the content encoding {encoding!r}, which was not requested")
        self.encoding = encoding


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of a response: its size, its duration, and which connections are reused."""

    max_response_bytes: int
    """Limit of one body, on the wire and after decompression."""
    timeout: httpx2.Timeout = field(default_factory=lambda: httpx2.Timeout(10.0))
    """Limits of the single steps of a request; `deadline_s` limits their sum."""
    deadline_s: float | None = None
    """Limit of all requests of one `guarded_client`, with their redirects and bodies."""
    max_redirects: int = 0
    """Redirects that one `guarded_client` follows; each is checked like a first request."""
    connect_s: float | None = None
    """Time to connect to one address, if this is shorter than what the client allows."""
    max_connections: int | None = None
    accept_encoding: str = "identity"
    keep_alive_origin: httpx2.URL | None = None
    """The origin whose connections are reused. A connection belongs to an address, and its certificate was checked for
    one name, so requests to other origins get new connections."""


class GuardedTransport(httpx2.AsyncBaseTransport):
    """Sends requests to checked addresses only, and limits the responses."""

    def __init__(self, destinations: Destinations, limits: Limits) -> None:
        self._destinations = destinations
        self._limits = limits
        origin = limits.keep_alive_origin
        self._reused_origin = None if origin is None else origin_of(origin)
        self._single_use_pool = self._pool(keep_alive=0)
        self._reused_pool = None if origin is None else self._pool(keep_alive=4)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request to an allowed destination.

        Raises:
            NotReached: The destination is not allowed, or has no usable address.
        """
        request.headers["accept-encoding"] = self._limits.accept_encoding
        response = await self._send(request)
        headers = httpx2.Headers(response.headers)
        body = _BoundedBody(response, headers.pop("content-encoding", ""), self._limits.max_response_bytes)
        return httpx2.Response(
            response.status_code, headers=headers, stream=body, extensions=response.extensions
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._single_use_pool.aclose()
        if self._reused_pool is not None:
            await self._reused_pool.aclose()

    def _pool(self, *, keep_alive: int) -> httpx2.AsyncHTTPTransport:
        limits = httpx2.Limits(
            max_connections=self._limits.max_connections, max_keepalive_connections=keep_alive
        )
        return httpx2.AsyncHTTPTransport(verify=trusted_certificates(), trust_env=False, limits=limits)

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        pool = self._single_use_pool
        if self._reused_pool is not None and origin_of(request.url) == self._reused_origin:
            pool = self._reused_pool
        if self._destinations.is_exempt(request.url):
            return await pool.handle_async_request(request)
        addresses = await self._destinations.addresses_of(request)
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                return await pool.handle_async_request(self._to(address, request))
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:  # nothing was sent
                last = error
        raise self._destinations.unanswered(request, last) from None

    def _to(self, address: str, request: httpx2.Request) -> httpx2.Request:
        """Return the request for one address. The original keeps its URL, to which redirects are relative."""
        extensions = dict(request.extensions)
        if self._limits.connect_s is not None:
            extensions["timeout"] = {**extensions.get("timeout", {}), "connect": self._limits.connect_s}
        extensions["sni_hostname"] = request.url.raw_host.decode("ascii").removesuffix(".")
        return httpx2.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions=extensions,
        )


@asynccontextmanager
async def guarded_client(
    destinations: Destinations, limits: Limits, headers: Mapping[str, str] | None = None
) -> AsyncIterator[httpx2.AsyncClient]:
    """Open a client for a few requests that together end before the deadline.

    Raises:
        TimeoutError: The deadline has passed.
    """
    async with (
        asyncio.timeout(limits.deadline_s),
        httpx2.AsyncClient(
            transport=GuardedTransport(destinations, limits),
            headers=headers,
            timeout=limits.timeout,
            follow_redirects=limits.max_redirects > 0,
            max_redirects=limits.max_redirects,
            trust_env=False,
        ) as client,
    ):
        yield client


@lru_cache(maxsize=1)
def trusted_certificates() -> ssl.SSLContext:
    """Return the certificate authorities that the host trusts; `SSL_CERT_FILE` replaces them."""
    return ssl.create_default_context()  # takes tens of milliseconds, since it reads every certificate


def origin_of(url: httpx2.URL) -> tuple[str, str, int]:
    """Return the scheme, the host and the port of a URL in a form that can be compared."""
    return url.scheme, url.host.lower().removesuffix("."), port_of(url)


class _BoundedBody(httpx2.AsyncByteStream):
    """A response body, decompressed piece by piece and up to a limit."""

    def __init__(self, response: httpx2.Response, encoding: str, max_bytes: int) -> None:
        self._response = response
        self._encoding = encoding
        self._max_bytes = max_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        stream = self._response.stream
        if not isinstance(stream, httpx2.AsyncByteStream):
            raise TypeError("a response over the network is an asynchronous stream")
        decompressor = _decompressor(self._encoding)
        wire_bytes = body_bytes = 0
        async for chunk in stream:
            wire_bytes += len(chunk)
            self._check(wire_bytes)
            for piece in (chunk,) if decompressor is None else _decompressed(decompressor, chunk):
                body_bytes += len(piece)
                self._check(body_bytes)
                yield piece
        if decompressor is not None and (rest := decompressor.flush()):  # at most a few kilobytes
            self._check(body_bytes + len(rest))
            yield rest

    async def aclose(self) -> None:
        await asyncio.shield(self._response.aclose())

    def _check(self, size_bytes: int) -> None:
        if size_bytes > self._max_bytes:
            raise ResponseTooLarge(self._max_bytes)


def _decompressor(encoding: str) -> zlib._Decompress | None:
    names = {name.strip().lower() for name in encoding.split(",")} - {"", "identity"}
    if not names <= {"gzip", "x-gzip", "deflate"} or len(names) > 1:
        raise UnexpectedEncoding(encoding)
    return zlib.decompressobj(_ANY_ENCODING) if names else None


def _decompressed(decompressor: zlib._Decompress, chunk: bytes) -> Iterator[bytes]:
    """Yield the decompressed data of a chunk in pieces; data after the end of the compressed stream is ignored."""
    try:
        while chunk and not decompressor.eof:
            yield decompressor.decompress(chunk, _PIECE_BYTES)
            chunk = decompressor.unconsumed_tail
    except zlib.error as error:
        raise httpx2.DecodingError(str(error)) from None
