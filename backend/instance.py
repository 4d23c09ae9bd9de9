"""What every process of an instance holds: settings, database, Redis, storage, keys, wake-ups."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from redis.asyncio import Redis

from backend.config import Settings
from backend.core import logs, notifications
from backend.core.db.connections import DatabaseUnavailable, why_away
from backend.core.db.engine import Database
from backend.core.notifications import RedisNotifier
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUps
from backend.embedded import attach
from backend.integrations.web.doors import Doors
from backend.money.ledger.pricing import PriceList, usd_to_micros
from backend.skills import job_ceilings as ceilings
from backend.skills.job_ceilings import JobCeilings
from backend.skills.model_catalog import catalog
from backend.storage import Storage
from backend.storage.chosen import chosen

log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Instance:
    """The parts of an instance, open for as long as its process runs."""

    settings: Settings
    database: Database
    redis: Redis
    storage: Storage
    vault: Vault
    wakeups: WakeUps
    doors: Doors = field(default_factory=Doors)
    """To the web, for what it fetches for jobs."""

    @property
    def prices(self) -> PriceList:
        """The instance's own prices."""
        text_margin = self.settings.text_margin_pct
        return PriceList(
            compute_micros_per_second=self.settings.compute_micros_per_second,
            margin_pct=self.settings.margin_pct,
            market_fee_pct=self.settings.market_fee_pct,
            text_margin_pct=self.settings.margin_pct if text_margin is None else text_margin,
            job_timeout_s=self.settings.job_timeout_s,
            job_cap_micros=usd_to_micros(self.settings.job_cap_usd),
            forgiven_micros=usd_to_micros(self.settings.forgiven_usd),
        )


def job_ceilings(settings: Settings) -> JobCeilings:
    """Return the ceilings of jobs that the settings name."""
    return JobCeilings(
        max_timeout_s=settings.max_job_timeout_s,
        max_memory_mb=settings.max_job_memory_mb,
        max_output_mb=settings.max_job_output_mb,
        max_cost_usd=settings.max_job_cost_usd,
        max_steps=settings.max_job_steps,
        max_tokens=settings.max_job_tokens,
        max_retries=settings.max_job_retries,
        timeout_s=settings.job_timeout_s,
        memory_mb=settings.job_memory_mb,
        output_mb=settings.job_output_mb,
        cost_usd=settings.job_cap_usd,
    )


@asynccontextmanager
async def open_instance(
    settings: Settings, *, on_cancel: Callable[[UUID], None] | None = None, most_idle_s: int = 0
) -> AsyncIterator[Instance]:
    """Open the parts of the instance that the settings name, and close them in the end; see `Database` of the last.

    Raises:
        Unavailable: no database is given and none is running in the home.
        BadCatalogue: the operator's file of models is wrong.
        WrongPoolerMode: a pooler in front of the database works in another mode than its URL says.
    """
    ceilings.use(job_ceilings(settings))
    catalog.use(Path(settings.models) if settings.models else None)
    servers = attach(settings)
    database = Database(servers.database_url, most_idle_s=most_idle_s)
    redis = Redis.from_url(servers.redis_url, socket_connect_timeout=1.0)
    doorbell = RedisNotifier(servers.redis_url)
    wakeups = WakeUps(redis, on_cancel)
    storage = chosen(settings)
    key = settings.secrets_key
    notifications.use(doorbell)
    wakeups.start()
    try:
        await _require_pooler_mode(database)
        yield Instance(
            settings=settings,
            database=database,
            redis=redis,
            storage=storage,
            vault=Vault.open(settings.home, key.get_secret_value() if key else None),
            wakeups=wakeups,
        )
    finally:
        notifications.use(None)
        await wakeups.close()
        await redis.aclose()
        await storage.close()
        doorbell.close()
        await database.close()


async def _require_pooler_mode(database: Database) -> None:
    try:
        await database.require_pooler_mode()
    except DatabaseUnavailable as error:
        log.warning(
            "the database is unavailable; the mode of its pooler is not checked", error=why_away(error)
        )
