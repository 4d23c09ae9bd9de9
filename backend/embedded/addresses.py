"""The URLs of this instance's PostgreSQL and Redis: configured ones, or those of the embedded servers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from backend.config import Settings
from backend.embedded import postgres, valkey
from backend.embedded.errors import NotRunning

POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Servers:
    """The URLs of both servers."""

    database_url: str
    redis_url: str
    direct_url: str = ""
    """The URL of the database without a pooler, for long operations; otherwise the same as `database_url`."""

    def __post_init__(self) -> None:
        """Use the URL of the database if there is no direct one."""
        if not self.direct_url:
            object.__setattr__(self, "direct_url", self.database_url)


def attach(settings: Settings, *, timeout_s: float = 0.0) -> Servers:
    """Return the servers of this instance; wait up to `timeout_s` for embedded servers to start.

    Raises:
        NotRunning: An embedded server is needed and does not run.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            return _running(settings)
        except NotRunning:
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_S)


def start(settings: Settings) -> Servers:
    """Return the servers of this instance, after starting the embedded ones that are needed and do not run.

    Raises:
        HomeUnusable: The home cannot be used.
        ServerDidNotStart: A server ended or did not respond.
    """
    return Servers(
        database_url=_value(settings.database_url) or postgres.start(settings.home),
        redis_url=_value(settings.redis_url) or valkey.start(settings.home),
        direct_url=_direct(settings),
    )


def stop(settings: Settings) -> None:
    """Stop the embedded servers of this instance."""
    if settings.database_url is None:
        postgres.stop(settings.home)
    if settings.redis_url is None:
        valkey.stop(settings.home)


def pids(settings: Settings) -> list[int]:
    """Return the process IDs of the running embedded servers."""
    found = (postgres.running_pid(settings.home), valkey.running_pid(settings.home))
    return [pid for pid in found if pid is not None]


def _running(settings: Settings) -> Servers:
    return Servers(
        database_url=_value(settings.database_url)
        or _require_running(postgres.attach(settings.home), postgres.NAME, settings.home),
        redis_url=_value(settings.redis_url)
        or _require_running(valkey.attach(settings.home), valkey.NAME, settings.home),
        direct_url=_direct(settings),
    )


def _value(url: SecretStr | None) -> str | None:
    return None if url is None else url.get_secret_value()


def _direct(settings: Settings) -> str:
    """Return the configured direct URL, which does not apply to an embedded database."""
    return (_value(settings.database_direct_url) or "") if settings.database_url is not None else ""


def _require_running(url: str | None, name: str, home: Path) -> str:
    if url is None:
        raise NotRunning(name, home)
    return url
