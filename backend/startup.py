"""Open the resources of an instance, and close them at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from redis.asyncio import Redis

from backend.config import Settings
from backend.context import AppContext
from backend.core import logs, notifications
from backend.core.audience import Audience
from backend.core.db.connections import DatabaseUnavailable, error_summary
from backend.core.db.engine import Database
from backend.core.local_notifier import LocalNotifier
from backend.core.notifications import RedisNotifier
from backend.core.vault.vault import Vault
from backend.core.wakeups import WakeUpListener
from backend.embedded import attach
from backend.embedded.home import process_sockets_folder
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.job_ceilings import JobCeilings
from backend.skills.model_catalog import catalog
from backend.storage.factory import create_storage

log = logs.get(__name__)


@asynccontextmanager
async def open_context(
    settings: Settings,
    *,
    on_cancel: Callable[[UUID], None] | None = None,
    on_work: Callable[[str, str], None] | None = None,
    on_subjob: Callable[[UUID], None] | None = None,
    max_idle_s: int = 0,
    has_socket: bool = False,
) -> AsyncIterator[AppContext]:
    """Open the resources that the settings describe, and close them at the end.

    Args:
        settings: The settings.
        on_cancel: For workers: called with the ID of each job that is to be canceled.
        on_work: For workers: see `WakeUpListener`.
        on_subjob: For workers: called with the ID of each job that has called another job.
        max_idle_s: See `Database`.
        has_socket: For API and worker processes: other ones of this host send them messages over a socket.

    Raises:
        Unavailable: No database is configured, and none is running in the home folder.
        BadCatalogue: The model file of the operator is not valid.
        WrongPoolerMode: A pooler in front of the database works in another mode than its URL says.
    """
    job_ceilings.use(JobCeilings.of(settings))
    catalog.use(Path(settings.models) if settings.models else None)
    servers = attach(settings)
    database = Database(servers.database_url, max_idle_s=max_idle_s)
    redis = Redis.from_url(servers.redis_url, socket_connect_timeout=1.0)
    audience = Audience()
    wakeups = WakeUpListener(redis, on_cancel, on_work, on_subjob, audience)
    sockets = process_sockets_folder(settings.home) if has_socket else None
    notifier = LocalNotifier(RedisNotifier(servers.redis_url, audience), wakeups, sockets)
    storage = create_storage(settings)
    key = settings.secrets_key
    notifications.use(notifier)
    wakeups.start()
    try:
        await _require_pooler_mode(database)
        yield AppContext(
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
        await notifier.aclose()
        await database.close()


async def _require_pooler_mode(database: Database) -> None:
    try:
        await database.require_pooler_mode()
    except DatabaseUnavailable as error:
        log.warning(
            "the database is unavailable; the mode of its pooler is not checked", error=error_summary(error)
        )
