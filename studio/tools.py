"""The MCP tools at `/mcp`. They are imported at the first call, since the import takes a sixth of the start time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from puras_mcp.hosted import Hosted


class Tools:
    """ASGI application for one path; requests wait until the tools are loaded."""

    def __init__(self, api: ASGIApp, *, public_url: str) -> None:
        self._api = api
        self._public_url = public_url
        self._is_requested = asyncio.Event()
        self._loaded: asyncio.Future[Hosted]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Provide the tools for the duration of the context; to be entered once, before the first request."""
        self._loaded = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._run(), name="tools at /mcp")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        self._is_requested.set()
        hosted = await asyncio.shield(self._loaded)
        await hosted(scope, receive, send)

    async def _run(self) -> None:
        """Load the tools at the first request; their library must be opened and closed by the same task."""
        await self._is_requested.wait()
        try:
            hosted = await asyncio.to_thread(self._load)
        except Exception as error:  # noqa: BLE001 - every request raises it
            self._loaded.set_exception(error)
            return
        async with hosted.running():
            self._loaded.set_result(hosted)
            await asyncio.get_running_loop().create_future()  # until cancelled

    def _load(self) -> Hosted:
        from puras_mcp import hosted

        return hosted.Hosted(self._api, public_url=self._public_url)
