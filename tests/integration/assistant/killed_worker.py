"""A worker in a process of its own, until it is killed: `python killed_worker.py HOME DATABASE REDIS UPSTREAM`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from redis.asyncio import Redis

from backend.config import Settings
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUpListener
from backend.storage.local import LocalStorage
from tests.doubles.messages import MessagesServer
from tests.integration.assistant.conftest import worker


async def main(home: Path, database_url: str, redis_url: str, upstream_url: str) -> None:
    """Run jobs until this process ends."""
    redis = Redis.from_url(redis_url)
    context = AppContext(
        settings=Settings(home=home, port=8123, public_url=None),
        database=Database(database_url),
        redis=redis,
        storage=LocalStorage(home / "storage"),
        vault=Vault.open(home, None),
        wakeups=WakeUpListener(redis),
    )
    upstream = MessagesServer()
    upstream.url = upstream_url
    async with worker(context, upstream):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
