"""Fetching what an answer from outside points to: from the internet alone, and not more than a file may hold."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NamedTuple

import httpx

from backend.drive.mime import HEAD_BYTES, sniff
from backend.public_addresses import obstacle_to

_RESOLVE_S: Final = 8.0
_PORTS: Final = {"https": 443, "http": 80}
_MOST_REDIRECTS: Final = 3
_CHUNK_BYTES: Final = 1 << 16
_TIMES: Final = httpx.Timeout(30.0, connect=10.0)


class FetchError(Exception):
    """It could not be had; the text completes a sentence."""


class Fetched(NamedTuple):
    """A file that was fetched."""

    size_bytes: int
    mime: str
    """As its first bytes tell."""


class PublicTransport(httpx.AsyncBaseTransport):
    """Connects to public addresses over https, and to what the operator allows."""

    def __init__(self, allowed_hosts: Collection[str]) -> None:
        self._inner = httpx.AsyncHTTPTransport(trust_env=False)
        self._allowed_hosts = frozenset(allowed_hosts)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to a vetted address of its host.

        Raises:
            FetchError: it is not one of the internet.
        """
        url = request.url
        if f"{url.host}:{url.port or _PORTS.get(url.scheme, 0)}" in self._allowed_hosts:
            return await self._inner.handle_async_request(request)
        if url.scheme != "https":
            raise FetchError("its address is not https")
        address = await _vetted(url.host, url.port or _PORTS["https"])
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.url = url.copy_with(host=address)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()


async def fetch(
    url: str, to: Path, *, allowed_hosts: Collection[str], most_bytes: int, most_s: float
) -> Fetched:
    """Write what is at the address into a file.

    Raises:
        FetchError: it is not on the internet, does not come, or is too large.
    """
    try:
        async with (
            asyncio.timeout(most_s),
            httpx.AsyncClient(
                transport=PublicTransport(allowed_hosts),
                follow_redirects=True,
                max_redirects=_MOST_REDIRECTS,
                timeout=_TIMES,
            ) as client,
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise FetchError(f"its server answered {answer.status_code}")
            return await _write(answer, to, most_bytes)
    except TimeoutError:
        raise FetchError(f"it took longer than {most_s:.0f} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchError(f"it did not arrive ({type(error).__name__})") from error


async def _write(answer: httpx.Response, to: Path, most_bytes: int) -> Fetched:
    head, size_bytes = b"", 0
    with to.open("wb") as file:
        async for chunk in answer.aiter_raw(_CHUNK_BYTES):
            head += chunk[: HEAD_BYTES - len(head)] if len(head) < HEAD_BYTES else b""
            size_bytes += len(chunk)
            if size_bytes > most_bytes:
                raise FetchError(f"it is larger than {most_bytes >> 20} MiB")
            file.write(chunk)
    if not size_bytes:
        raise FetchError("it is empty")
    return Fetched(size_bytes, sniff(head, ""))


async def _vetted(host: str, port: int) -> str:
    """A public address of the host; the very one that is dialled, since a name may lead elsewhere a moment later."""
    try:
        async with asyncio.timeout(_RESOLVE_S):
            addresses = [host] if _is_address(host) else await _resolved(host, port)
    except (TimeoutError, OSError, UnicodeError):
        raise FetchError("its host cannot be resolved") from None
    if not addresses or any(obstacle_to(address) for address in addresses):
        raise FetchError("its host is not at a public address")
    return addresses[0]


async def _resolved(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(place[0]) for *_, place in found]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
