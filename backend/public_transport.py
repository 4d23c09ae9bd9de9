"""HTTP to the internet alone: a name is resolved once, its addresses are vetted, and a vetted one is dialled.

A redirect is a request of its own, and a name that leads elsewhere a moment later changes nothing.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final

import httpx

from backend.egress.dialing import Resolve, Vet, resolve_by_system
from backend.public_addresses import obstacle_to

_PORTS: Final = {"https": 443, "http": 80}
_RESOLVE_S: Final = 8.0
_MOST_ADDRESSES: Final = 4  # of one name that are tried
_NOT_PUBLIC: Final = "its host is not at a public address"


class NotReached(httpx.ConnectError):
    """A request goes no further."""

    def __init__(self, sentence: str, request: httpx.Request) -> None:
        super().__init__(sentence, request=request)
        self.sentence = sentence
        """Begins with `its`, as in: it was not sent, since its host has no address."""


class PublicTransport(httpx.AsyncBaseTransport):
    """Connects to public addresses, and to what the operator allows."""

    def __init__(
        self,
        allowed_hosts: Collection[str] = (),
        *,
        schemes: Collection[str] = ("https",),
        verify: ssl.SSLContext | bool = True,
        resolve: Resolve = resolve_by_system,
        vet: Vet = obstacle_to,
    ) -> None:
        """`allowed_hosts`: `host:port` that are dialled whatever they are; `schemes`: of all others."""
        # No connection is kept: it was made for one name, and another may lead to the same address.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits)
        self._allowed_hosts = frozenset(allowed_hosts)
        self._schemes = frozenset(schemes)
        self._resolve = resolve
        self._vet = vet

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to a vetted address of its host.

        Raises:
            NotReached: it has none, or none that is public.
        """
        url = request.url
        if f"{url.host}:{url.port or _PORTS.get(url.scheme, 0)}" in self._allowed_hosts:
            return await self._inner.handle_async_request(request)
        if url.scheme not in self._schemes:
            raise NotReached(f"its address is not {' or '.join(sorted(self._schemes))}", request)
        addresses = await self._vetted(request)
        request.extensions = {**request.extensions, "sni_hostname": url.raw_host.decode("ascii")}
        for address in addresses[:_MOST_ADDRESSES]:
            request.url = url.copy_with(host=address)
            try:
                return await self._inner.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing of it has been sent
                last = error
        raise last

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    async def _vetted(self, request: httpx.Request) -> list[str]:
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or _PORTS[request.url.scheme]
        is_address = _is_address(host)
        if not is_address and "." not in host:
            raise NotReached(_NOT_PUBLIC, request)  # a name of this machine, or of its own network
        try:
            async with asyncio.timeout(_RESOLVE_S):
                addresses = [host] if is_address else await self._resolve(host, port)
        except (TimeoutError, OSError, UnicodeError):
            raise NotReached("its host cannot be resolved", request) from None
        if not addresses or any(self._vet(address) for address in addresses):
            raise NotReached(_NOT_PUBLIC, request)
        return addresses


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
