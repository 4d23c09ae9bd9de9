"""Add credentials to requests to MCP servers.

Credentials are headers with the skill's secrets, and are sent only to the server itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

import httpx2

from backend.core.names import suggestion
from backend.core.net.transport import origin_of
from backend.skills.manifest.mcp_servers import PLACEHOLDER

_VALUE: Final = re.compile(r"[\x20-\x7e]+\Z")


class Credentials(NamedTuple):
    """Headers to send, or why they are invalid."""

    headers: Mapping[str, str]
    problem: str = ""
    """A message that follows the server's name; empty if the headers are valid."""

    def __repr__(self) -> str:
        return "Credentials(…)"


NONE: Final = Credentials({})


def filled(headers: Mapping[str, str], secrets: Mapping[str, str]) -> Credentials:
    """Return the headers of a skill with the values of its secrets."""
    for name in sorted({name for value in headers.values() for name in PLACEHOLDER.findall(value)}):
        if name not in secrets:
            hint = suggestion(name, sorted(secrets))
            return Credentials(
                {}, f"needs the secret {name!r}, which this skill does not have.{hint} Set the secret first"
            )
        if not _VALUE.match(secrets[name]):
            return Credentials(
                {},
                f"needs the secret {name!r}, which contains a character that is not allowed in headers: set "
                "it again, in one line",
            )
    return Credentials(
        {name: PLACEHOLDER.sub(lambda found: secrets[found[1]], value) for name, value in headers.items()}
    )


class CredentialedTransport(httpx2.AsyncBaseTransport):
    """Adds the headers only to requests for the server itself, not after a redirect or for another port."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, address: str, headers: Mapping[str, str]) -> None:
        self._inner = inner
        self._headers = headers
        self._origin = origin_of(httpx2.URL(address))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send the request, with the headers if it is for the server."""
        if origin_of(request.url) == self._origin:
            for name, value in self._headers.items():
                request.headers[name] = value
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._inner.aclose()
