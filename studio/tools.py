"""The tools at `/mcp`, which are made when the first call comes: to import them takes a sixth of a start."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    from puras_mcp.hosted import Hosted


class Tools:
    """ASGI application for one path; what it takes in a call waits until the tools are there."""

    def __init__(self, api: ASGIApp, *, public_url: str) -> None:
        self._api = api
        self._public_url = public_url
        self._are_wanted = asyncio.Event()
        self._made: asyncio.Future[Hosted]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """What has to stand around the time in which requests come; once."""
        self._made = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._keep(), name="tools at /mcp")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call."""
        self._are_wanted.set()
        hosted = await asyncio.shield(self._made)
        await hosted(scope, receive, send)

    async def _keep(self) -> None:
        """One task opens and closes what the tools stand in: their library wants it so."""
        await self._are_wanted.wait()
        try:
            hosted = await asyncio.to_thread(self._make)
        except Exception as error:  # noqa: BLE001 - whoever calls is answered with it
            self._made.set_exception(error)
            return
        async with hosted.running():
            self._made.set_result(hosted)
            await asyncio.get_running_loop().create_future()  # until cancelled

    def _make(self) -> Hosted:
        made: Hosted = importlib.import_module("puras_mcp.hosted").Hosted(
            self._api, public_url=self._public_url
        )
        return made
