"""Fixtures for the REST application with a metrics token."""

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
    """Return an instance with a metrics token."""
    settings = instance.settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})
    return replace(instance, settings=settings)


@pytest_asyncio.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without credentials."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8123") as client:
        yield client


def eventually(condition: Callable[[], bool], timeout_s: float) -> None:
    """Wait until a condition is true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.05)
