"""The REST application on a database, a Redis server and a home folder of the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import cache
from pathlib import Path

import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from fastapi import FastAPI
from redis.asyncio import Redis

from backend.app import create_app, serving
from backend.config import Settings
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.metrics.instruments import HTTP_REQUEST, HTTP_REQUESTS
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUpListener
from backend.identity.auth.accounts import users
from backend.storage import removal
from backend.storage.local import LocalStorage


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hash the passwords of hundreds of users in a millisecond instead of a fifth of a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(users, "HASHER", PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@cache
def _settings() -> Settings:
    """Return settings for a copy per test, because reading them from the environment takes 6 ms."""
    return Settings(home=Path("/nonexistent"), port=8123, public_url=None)


@pytest_asyncio.fixture
async def instance(database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[AppContext]:
    """Return an instance on the database and the Redis server of the test."""
    redis = Redis.from_url(redis_url)
    settings = _settings().model_copy(update={"home": tmp_path})
    yield AppContext(
        settings=settings,
        database=database,
        redis=redis,
        storage=LocalStorage(tmp_path / "storage"),
        vault=Vault.open(tmp_path, None),
        wakeups=WakeUpListener(redis),
    )
    await redis.aclose()
    removal.remove(
        tmp_path / "storage"
    )  # hostile trees in it would break the cleanup of pytest in a later run


@pytest_asyncio.fixture
async def app(instance: AppContext) -> AsyncIterator[FastAPI]:
    """Return the application of the instance; its request counters start at zero.

    Each application writes all samples of its process twice, which takes long after a thousand tests.
    """
    HTTP_REQUESTS.clear()
    HTTP_REQUEST.clear()
    app = create_app(instance.settings)
    async with serving(app, instance):
        yield app
