"""Connections to addresses that a project names: resolved once, vetted, and the vetted address dialled.

A name that resolves to another address a moment later cannot lead a worker into its own network.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Collection
from ipaddress import ip_address

import httpx2

from backend.core.net.egress.dialing import Resolve, resolve_by_system
from backend.core.net.public_addresses import obstacle_to

_RESOLVE_S = 8.0
_HTTPS_PORT = 443
_HEADERS = frozenset(
    {"host", "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type"}
    | {"user-agent", "x-api-key", "anthropic-version", "anthropic-beta"}
)
_HEADER_BEGINNINGS = ("x-stainless-",)


class AddressRefused(httpx2.ConnectError):
    """The address that a project gave is not one of the internet."""


class VettedTransport(httpx2.AsyncBaseTransport):
    """Speaks HTTPS with public addresses alone, and with what the operator allows."""

    def __init__(
        self,
        verify: ssl.SSLContext,
        *,
        allowed_hosts: Collection[str] = (),
        resolve: Resolve = resolve_by_system,
    ) -> None:
        self._inner = httpx2.AsyncHTTPTransport(verify=verify, trust_env=False)
        self._allowed_hosts = frozenset(allowed_hosts)
        self._resolve = resolve

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request to a vetted address of its host.

        Raises:
            AddressRefused: it has an address that is not public.
        """
        url = request.url
        _drop_foreign_headers(request)
        if f"{url.host}:{url.port or _HTTPS_PORT}" in self._allowed_hosts:
            return await self._inner.handle_async_request(request)
        if url.scheme != "https":
            raise AddressRefused("keys are sent over https alone", request=request)
        address = await self._vetted(request)
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.url = url.copy_with(host=address)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()

    async def _vetted(self, request: httpx2.Request) -> str:
        host, port = request.url.host, request.url.port or _HTTPS_PORT
        try:
            async with asyncio.timeout(_RESOLVE_S):
                addresses = [host] if _is_address(host) else await self._resolve(host, port)
        except (socket.gaierror, UnicodeError, OSError) as error:
            raise httpx2.ConnectError(f"{host} cannot be resolved", request=request) from error
        if any(obstacle_to(address) for address in addresses):
            raise AddressRefused(f"{host} is not at a public address", request=request)
        if not addresses:
            raise httpx2.ConnectError(f"{host} has no address", request=request)
        return addresses[0]


def _drop_foreign_headers(request: httpx2.Request) -> None:
    """What the operator adds to every call of the SDK (ANTHROPIC_CUSTOM_HEADERS) is not for a project's server."""
    for name in list(request.headers):
        if name not in _HEADERS and not name.startswith(_HEADER_BEGINNINGS):
            del request.headers[name]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
