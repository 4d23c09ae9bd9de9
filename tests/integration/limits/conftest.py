"""Fixtures for the REST application with limits, and for its callers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest_asyncio
from redis.asyncio import Redis

from backend.app import create_app, serving
from backend.context import AppContext
from tests.integration.auth.conftest import client, world

__all__ = ["client", "world"]


@dataclass(frozen=True, slots=True)
class Serve:
    """A factory of clients: each call serves the instance with other settings, as another process."""

    instance: AppContext
    patient_redis: Redis
    """A client without a time limit: Redis on a busy host may need longer than the limit of a request."""
    stack: AsyncExitStack

    async def __call__(self, *, redis: Redis | None = None, **settings: Any) -> httpx.AsyncClient:
        return await self.stack.enter_async_context(self._client(redis, settings))

    @asynccontextmanager
    async def _client(self, redis: Redis | None, changed: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
        settings = self.instance.settings.model_copy(update=changed)
        its = replace(self.instance, settings=settings, redis=redis or self.patient_redis)
        app = create_app(settings)
        transport = httpx.ASGITransport(app)
        async with serving(app, its), httpx.AsyncClient(transport=transport, base_url=settings.url) as client:
            yield client


@pytest_asyncio.fixture
async def serve(instance: AppContext, redis_url: str) -> AsyncIterator[Serve]:
    """Yield a factory that serves the instance with other settings."""
    async with Redis.from_url(redis_url) as patient, AsyncExitStack() as stack:
        yield Serve(instance, patient, stack)
