"""The settings with both addresses filled in: from the environment, else of the embedded servers."""

from __future__ import annotations

import time

from pydantic import SecretStr

from backend.config import Settings
from backend.embedded import postgres, valkey
from backend.embedded.errors import NotRunning

POLL_S = 0.1


def attach(settings: Settings, *, patience_s: float = 0.0) -> Settings:
    """The settings with the addresses of running servers; waits up to `patience_s` for embedded ones.

    Raises:
        NotRunning: an embedded server is needed and does not run.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _filled(settings)
        except NotRunning:
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_S)


def start(settings: Settings) -> Settings:
    """The settings with both addresses; starts the embedded servers that are needed."""
    return _with(
        settings,
        database_url=None if settings.database_url else postgres.start(settings.home),
        redis_url=None if settings.redis_url else valkey.start(settings.home),
    )


def _filled(settings: Settings) -> Settings:
    database_url = None if settings.database_url else postgres.attach(settings.home)
    redis_url = None if settings.redis_url else valkey.attach(settings.home)
    if settings.database_url is None and database_url is None:
        raise NotRunning(postgres.NAME, settings.home)
    if settings.redis_url is None and redis_url is None:
        raise NotRunning(valkey.NAME, settings.home)
    return _with(settings, database_url=database_url, redis_url=redis_url)


def _with(settings: Settings, *, database_url: str | None, redis_url: str | None) -> Settings:
    found = {"database_url": database_url, "redis_url": redis_url}
    return settings.model_copy(
        update={name: SecretStr(url) for name, url in found.items() if url is not None}
    )
