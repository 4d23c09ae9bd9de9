"""What the code of every process has at hand: settings, database, Redis, storage, keys, wake-ups."""

from __future__ import annotations

from dataclasses import dataclass, field

from redis.asyncio import Redis

from backend.config import Settings
from backend.core.db.engine import Database
from backend.core.net.egress.run_egress import WebAccess
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUps
from backend.storage import Storage


@dataclass(frozen=True, slots=True)
class AppContext:
    """The parts of an instance, open for as long as its process runs."""

    settings: Settings
    database: Database
    redis: Redis
    storage: Storage
    vault: Vault
    wakeups: WakeUps
    doors: WebAccess = field(default_factory=WebAccess)
    """To the web, for what it fetches for jobs."""
