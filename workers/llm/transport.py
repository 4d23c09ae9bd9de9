"""Connect to the model server that a project names as its base URL."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import httpx2

from backend.core.net.destinations import NotReached, PublicDestinations
from backend.core.net.egress.connector import Connector
from backend.core.net.transport import GuardedTransport, Limits

_MAX_RESPONSE_BYTES: Final = 64 << 20
_HEADERS: Final = frozenset(
    {"host", "accept", "accept-encoding", "authorization", "connection", "content-length", "content-type"}
    | {"user-agent", "x-api-key", "api-key", "anthropic-version", "anthropic-beta"}
)
_HEADER_PREFIXES: Final = ("x-stainless-",)


class AddressRefused(httpx2.ConnectError):
    """The base URL of a project does not lead to the internet over https."""


class ProjectTransport(httpx2.AsyncBaseTransport):
    """Sends requests over https to public addresses, and to the hosts that the operator allows."""

    def __init__(
        self, base_url: str, *, allowed_hosts: Collection[str] = (), connector: Connector | None = None
    ) -> None:
        limits = Limits(max_response_bytes=_MAX_RESPONSE_BYTES, keep_alive_origin=httpx2.URL(base_url))
        servers = PublicDestinations(
            allowed_hosts, ports=None, connector=connector
        )  # they may use other ports
        self._guarded = GuardedTransport(servers, limits)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request without the headers that are not meant for the server of a project.

        Raises:
            AddressRefused: The URL is not https, or one of its addresses is not public.
        """
        _drop_foreign_headers(request)
        try:
            return await self._guarded.handle_async_request(request)
        except NotReached as error:
            if error.reason == "unresolved":
                raise
            problem = "keys are sent only over HTTPS"
            if error.reason != "scheme":
                problem = f"{request.url.host} is not at a public address"
            raise AddressRefused(problem, request=request) from None

    async def aclose(self) -> None:
        """Close every connection."""
        await self._guarded.aclose()


def _drop_foreign_headers(request: httpx2.Request) -> None:
    """Remove what the operator adds to every call of the SDK (ANTHROPIC_CUSTOM_HEADERS, OPENAI_CUSTOM_HEADERS)."""
    for name in list(request.headers):
        if name not in _HEADERS and not name.startswith(_HEADER_PREFIXES):
            del request.headers[name]
