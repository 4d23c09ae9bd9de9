"""The REST application on real servers, with a token for its metrics."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest_asyncio
from fastapi import FastAPI
from redis.asyncio import Redis

from backend.app import create_app, serving
from backend.config import Settings
from backend.db import Database
from backend.events.wakeups import WakeUps
from backend.instance import Instance
from backend.secrets.vault import Vault
from backend.storage.local import LocalStorage

TOKEN = "a-token-for-prometheus"
ROOT = Path(__file__).parents[3]
READY_S = 60.0


def settings_for(home: Path, **over: object) -> Settings:
    """Settings of an instance that shows its metrics."""
    return Settings.model_validate({"home": home, "port": 8123, "metrics_token": TOKEN, **over})


@pytest_asyncio.fixture
async def instance(database: Database, redis_url: str, tmp_path: Path) -> AsyncIterator[Instance]:
    """An instance on the test's own database and Redis."""
    redis = Redis.from_url(redis_url)
    yield Instance(
        settings=settings_for(tmp_path),
        database=database,
        redis=redis,
        storage=LocalStorage(tmp_path / "storage"),
        vault=Vault.open(tmp_path, None),
        wakeups=WakeUps(redis),
    )
    await redis.aclose()


@pytest_asyncio.fixture
async def app(instance: Instance) -> AsyncIterator[FastAPI]:
    """The application that serves the instance."""
    app = create_app(instance.settings)
    async with serving(app, instance):
        yield app


@pytest_asyncio.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without credentials."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8123") as client:
        yield client


@contextmanager
def worker_process(
    home: Path, database_url: str, redis_url: str, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A real worker process, ready for jobs; its log is `home/worker.log`."""
    known = {
        "PURAS_HOME": str(home),
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "PURAS_PORT": "8123",
        "PURAS_DRAIN_S": "2",
        "PURAS_LOG_FORMAT": "json",
    }
    home.mkdir(exist_ok=True)
    home.chmod(0o755)
    log = home / "worker.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "workers.main", "dramatiq"],
            env=os.environ | known | environment,
            stdout=output,
            stderr=output,
            cwd=ROOT,
        )
    try:
        eventually(lambda: "worker ready" in log.read_text() or process.poll() is not None, READY_S)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def eventually(fact: Callable[[], bool], patience_s: float) -> None:
    """Wait for a fact."""
    deadline = time.monotonic() + patience_s
    while not fact():
        assert time.monotonic() < deadline, f"not within {patience_s} s"
        time.sleep(0.05)


def ask(database_url: str, query: str) -> list[tuple[object, ...]]:
    """Rows of the test's own database."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(query).fetchall()  # type: ignore[arg-type]  # a literal of the test itself
