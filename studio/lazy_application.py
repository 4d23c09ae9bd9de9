"""An application behind a part of the port that is loaded when it is first needed, since its import takes long."""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from typing import NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.core import logs

log = logs.get(__name__)


class Loaded(NamedTuple):
    """A loaded application."""

    app: ASGIApp
    lifespan: Callable[[], AbstractAsyncContextManager[object]]
    """Opens and closes the application; it is entered and left by the same task."""


class LazyApplication(ABC):
    """ASGI application whose requests wait until it is loaded; if that fails, all of them fail with the same error."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_requested = asyncio.Event()
        self._app: asyncio.Future[ASGIApp]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Provide the application for the duration of the context; to be entered once, before the first request."""
        self._app = asyncio.get_running_loop().create_future()
        self._app.add_done_callback(self._log_error)
        task = asyncio.create_task(self._run(), name=self._name)
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def load_soon(self) -> None:
        """Load the application in the background, because a request is about to come."""
        self._is_requested.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        self.load_soon()
        app = await asyncio.shield(self._app)
        await app(scope, receive, send)

    @abstractmethod
    def load(self) -> Loaded:
        """Import and create the application, in a thread."""

    async def _run(self) -> None:
        await self._is_requested.wait()
        context = copy_context()
        try:
            loaded = await asyncio.get_running_loop().run_in_executor(None, context.run, self.load)
        except Exception as error:  # noqa: BLE001 - every request raises it
            self._app.set_exception(error)
            return
        # The context variables that the application has set while it was loaded apply to its tasks.
        await asyncio.create_task(self._open(loaded), name=self._name, context=context)

    async def _open(self, loaded: Loaded) -> None:
        try:
            async with loaded.lifespan():
                self._app.set_result(loaded.app)
                await asyncio.get_running_loop().create_future()  # until cancelled
        except Exception as error:
            if self._app.done():
                raise
            self._app.set_exception(error)

    def _log_error(self, app: asyncio.Future[ASGIApp]) -> None:
        if not app.cancelled() and (error := app.exception()) is not None:
            log.error("cannot be loaded; its requests fail", part=self._name, exc_info=error)
