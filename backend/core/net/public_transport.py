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

from backend.core.net.egress.dialing import Resolve, Vet, resolve_by_system
from backend.core.net.public_addresses import obstacle_to
from backend.core.net.public_urls import PORTS, USUAL_PORTS

_RESOLVE_S: Final = 8.0
_MAX_ADDRESSES: Final = 4  # of one name that are tried
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
        ports: Collection[int] | None = USUAL_PORTS,
        verify: ssl.SSLContext | bool = True,
        resolve: Resolve = resolve_by_system,
        vet: Vet = obstacle_to,
    ) -> None:
        """Take what the operator allows: `allowed_hosts` are `host:port` that are dialled whatever they are.

        `schemes` and `ports` are those of all others; `ports=None`: any.
        """
        # No connection is kept: it was made for one name, and another may lead to the same address.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        self._inner = httpx.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits)
        self._allowed_hosts = frozenset(allowed_hosts)
        self._schemes = frozenset(schemes)
        self._ports = None if ports is None else frozenset(ports)
        self._resolve = resolve
        self._vet = vet

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to a vetted address of its host.

        Raises:
            NotReached: it has none, or none that is public.
        """
        url = request.url
        port = url.port or PORTS.get(url.scheme, 0)
        if f"{url.host}:{port}" in self._allowed_hosts:
            return await self._inner.handle_async_request(request)
        if url.scheme not in self._schemes:
            raise NotReached(f"its address is not {' or '.join(sorted(self._schemes))}", request)
        if self._ports is not None and port not in self._ports:
            listed = ", ".join(map(str, sorted(self._ports)))
            raise NotReached(f"its port {port} is none of {listed}, which are all that it may have", request)
        addresses = await self._vetted(request, port)
        for address in addresses[:_MAX_ADDRESSES]:
            # The request itself keeps its URL: a relative redirect is relative to the name, not to the address.
            onward = httpx.Request(
                request.method,
                url.copy_with(host=address),
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": url.raw_host.decode("ascii")},
            )
            try:
                return await self._inner.handle_async_request(onward)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing of it has been sent
                last = error
        raise last

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    async def _vetted(self, request: httpx.Request, port: int) -> list[str]:
        host = request.url.raw_host.decode("ascii")
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
