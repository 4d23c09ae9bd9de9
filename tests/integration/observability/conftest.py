"""The REST application with a token for its metrics."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from pydantic import SecretStr

from backend.context import AppContext

TOKEN = "a-token-for-prometheus"


@pytest.fixture
def instance(instance: AppContext) -> AppContext:
    """An instance that shows its metrics."""
    settings = instance.settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})
    return replace(instance, settings=settings)


@pytest_asyncio.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8123") as client:
        yield client


def eventually(fact: Callable[[], bool], patience_s: float) -> None:
    """Wait for a fact."""
    deadline = time.monotonic() + patience_s
    while not fact():
        assert time.monotonic() < deadline, f"not within {patience_s} s"
        time.sleep(0.05)
