"""Connect to one MCP server during one run, on first use and again after the connection was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, CallToolResult, Tool
from mcp_types.jsonrpc import REQUEST_TIMEOUT

from backend.core.net.destinations import EgressDestinations, NotReached
from backend.core.net.egress.run_egress import RunEgress
from backend.core.net.transport import GuardedTransport, Limits
from backend.integrations.mcp_servers.credentials import NONE, CredentialedTransport, Credentials

OPEN_S: Final = 10.0
CALL_S: Final = 120.0
MAX_BYTES: Final = 8 << 20
"""Maximum size of one response."""
MAX_EVENT_BYTES: Final = 4 << 20
MAX_PAGES: Final = 10
_CONNECT_S: Final = 6.0  # to one IP address
_MAX_CONNECTIONS: Final = 16
_OF_ONE_CALL: Final = frozenset({INTERNAL_ERROR, INVALID_PARAMS, METHOD_NOT_FOUND, REQUEST_TIMEOUT})
"""Errors after which the connection can still be used."""


class ServerUnavailable(Exception):
    """The server is unavailable; the message says why."""


class CallFailed(Exception):
    """The server responded to a call with an error, whose message this is."""


class Connection:
    """A server, by its URL."""

    def __init__(
        self,
        address: str,
        egress: RunEgress,
        *,
        credentials: Credentials = NONE,
        open_s: float = OPEN_S,
        call_s: float = CALL_S,
    ) -> None:
        self.name = urlsplit(address).hostname or "server"
        """Its name for users and the model."""
        self.shown = urlunsplit(urlsplit(address)._replace(query="", fragment=""))
        """Its URL without parts that may be a key."""
        self._address = address
        self._egress = egress
        self._credentials = credentials
        self._open_s = open_s
        self._call_s = call_s
        self._connecting = asyncio.Lock()
        self._client: Client | None = None
        self._clients: list[tuple[asyncio.Task[None], asyncio.Event]] = []

    async def listed(self) -> list[Tool]:
        """Return the tools that it offers.

        Raises:
            ServerUnavailable: it is unavailable.
        """
        tools: list[Tool] = []
        cursor: str | None = None
        try:
            async with asyncio.timeout(self._open_s):
                client = await self._opened()
                for _ in range(MAX_PAGES):
                    page = await client.list_tools(cursor=cursor)
                    tools += page.tools
                    cursor = page.next_cursor
                    if cursor is None:
                        break
        except ServerUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a server makes its list fail with, the run lives
            self._client = None
            raise ServerUnavailable(self._why(error, self._open_s)) from None
        return tools

    async def call(self, name: str, arguments: dict[str, object]) -> CallToolResult:
        """Call one of them.

        Raises:
            ServerUnavailable: it is unavailable; whether the call took effect is not known.
            CallFailed: it responded with an error.
        """
        try:
            async with asyncio.timeout(self._call_s):
                client = await self._opened()
                return await client.call_tool(name, arguments)
        except ServerUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a server makes a call fail with, the run lives
            if isinstance(error, MCPError) and error.code in _OF_ONE_CALL:
                raise CallFailed(error.message) from None
            if not isinstance(error, TimeoutError):
                self._client = None
            raise ServerUnavailable(self._why(error, self._call_s)) from None

    async def close(self) -> None:
        """Close all connections to it."""
        for task, stop in self._clients:
            stop.set()
            _, pending = await asyncio.wait({task}, timeout=2.0)
            for one in pending:
                one.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _opened(self) -> Client:
        if self._credentials.problem:
            raise ServerUnavailable(f"the MCP server {self.name} {self._credentials.problem}")
        async with self._connecting:
            if self._client is None:
                ready: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
                stop = asyncio.Event()
                # The task that opened a connection must close it, and calls come from several tasks.
                self._clients.append((asyncio.create_task(self._serve_client(ready, stop)), stop))
                try:
                    async with asyncio.timeout(self._open_s):
                        self._client = await ready
                except BaseException:
                    stop.set()
                    self._clients[-1][0].cancel()
                    raise
            return self._client

    async def _serve_client(self, ready: asyncio.Future[Client], stop: asyncio.Event) -> None:
        limits = Limits(
            max_response_bytes=MAX_BYTES,
            connect_s=_CONNECT_S,
            max_connections=_MAX_CONNECTIONS,
            keep_alive_origin=httpx2.URL(self._address),
        )
        guarded = GuardedTransport(EgressDestinations(self._egress), limits)
        transport = CredentialedTransport(guarded, self._address, self._credentials.headers)
        timeout = httpx2.Timeout(self._open_s, read=self._call_s)
        try:
            async with httpx2.AsyncClient(
                transport=transport,
                timeout=timeout,
                trust_env=False,
                follow_redirects=False,
            ) as http:
                wire = streamable_http_client(
                    self._address, http_client=http, max_sse_event_size=MAX_EVENT_BYTES
                )
                async with Client(wire, read_timeout_seconds=self._call_s, cache=None) as client:
                    if not ready.done():
                        ready.set_result(client)
                    await stop.wait()
        except Exception as error:  # noqa: BLE001 - whatever a server makes its connection fail with, the run lives
            if not ready.done():
                ready.set_exception(ServerUnavailable(self._why(error, self._open_s)))

    def _why(self, error: BaseException, seconds: float) -> str:
        """Return a message about the innermost reason."""
        first = next(iter(_leaves([error])))
        if isinstance(first, NotReached):
            return f"the MCP server {self.name} cannot be reached: {first.detail}"
        if isinstance(first, TimeoutError):
            return f"the MCP server {self.name} did not respond within {seconds:g} s"
        text = first.message if isinstance(first, MCPError) else str(first) or type(first).__name__
        return f"the MCP server {self.name} cannot be used now: {' '.join(text.split())[:300]}"


def _leaves(errors: Sequence[BaseException]) -> list[BaseException]:
    found: list[BaseException] = []
    for error in errors:
        found += _leaves(error.exceptions) if isinstance(error, BaseExceptionGroup) else [error]
    return found
