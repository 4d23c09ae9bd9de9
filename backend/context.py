"""The application context: settings, database, Redis, storage, keys and wake-ups of a process."""

from __future__ import annotations

from dataclasses import dataclass, field

from redis.asyncio import Redis

from backend.config import Settings
from backend.core.db.engine import Database
from backend.core.net.egress.run_egress import WebAccess
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUpListener
from backend.storage import Storage


@dataclass(frozen=True, slots=True)
class AppContext:
    """The open resources of an instance, for the lifetime of the process."""

    settings: Settings
    database: Database
    redis: Redis
    storage: Storage
    vault: Vault
    wakeups: WakeUpListener
    web_access: WebAccess = field(default_factory=WebAccess)
    """Connections to the web for requests that the instance makes for jobs."""
