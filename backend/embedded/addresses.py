"""Where this instance's PostgreSQL and Redis are: as the settings say, else in the home."""

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
    """The addresses of both servers."""

    database_url: str
    redis_url: str
    direct_url: str = ""
    """Of the database past a pooler, for what takes long; the same where there is none."""

    def __post_init__(self) -> None:
        """Without a direct address, the one that there is."""
        if not self.direct_url:
            object.__setattr__(self, "direct_url", self.database_url)


def attach(settings: Settings, *, patience_s: float = 0.0) -> Servers:
    """Return the servers of this instance; waits up to `patience_s` for embedded ones to run.

    Raises:
        NotRunning: An embedded server is needed and does not run.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return _running(settings)
        except NotRunning:
            if time.monotonic() >= deadline:
                raise
        time.sleep(POLL_S)


def start(settings: Settings) -> Servers:
    """Return the servers of this instance; starts the embedded ones that are needed and do not run.

    Raises:
        HomeUnusable: The home cannot serve.
        ServerDidNotStart: One ended or did not answer.
    """
    return Servers(
        database_url=_given(settings.database_url) or postgres.start(settings.home),
        redis_url=_given(settings.redis_url) or valkey.start(settings.home),
        direct_url=_direct(settings),
    )


def stop(settings: Settings) -> None:
    """Stop the embedded servers of this instance; those that the settings name are left alone."""
    if settings.database_url is None:
        postgres.stop(settings.home)
    if settings.redis_url is None:
        valkey.stop(settings.home)


def pids(settings: Settings) -> list[int]:
    """Return the process ids of the embedded servers that run."""
    found = (postgres.running_pid(settings.home), valkey.running_pid(settings.home))
    return [pid for pid in found if pid is not None]


def _running(settings: Settings) -> Servers:
    return Servers(
        database_url=_given(settings.database_url)
        or _needed(postgres.attach(settings.home), postgres.NAME, settings.home),
        redis_url=_given(settings.redis_url)
        or _needed(valkey.attach(settings.home), valkey.NAME, settings.home),
        direct_url=_direct(settings),
    )


def _given(url: SecretStr | None) -> str | None:
    return None if url is None else url.get_secret_value()


def _direct(settings: Settings) -> str:
    """Return the direct address, which says nothing about an embedded database."""
    return (_given(settings.database_direct_url) or "") if settings.database_url is not None else ""


def _needed(url: str | None, name: str, home: Path) -> str:
    if url is None:
        raise NotRunning(name, home)
    return url
