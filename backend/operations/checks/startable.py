"""Check the requirements of an API or worker process before it starts; each problem is one message, no traceback."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from backend.config import Settings, former_names
from backend.core import logs
from backend.core.db.connections import DatabaseUnavailable, error_summary
from backend.core.db.engine import Database
from backend.embedded import attach
from backend.embedded.errors import HomeUnusable
from backend.migrations import revisions
from backend.operations.errors import NotMigrated

log = logs.get(__name__)

_CURRENT: Final = text("select version_num from alembic_version")


async def require_startable(settings: Settings) -> None:
    """Check that a process can start: the home is writable, the database migrated, its pooler in the right mode.

    If the database is unavailable, the process starts and waits for it. It also starts with a newer database, since
    processes of two releases run together during an upgrade.

    Raises:
        HomeUnusable: The home is not writable.
        NotRunning: An embedded server is needed and does not run.
        NotMigrated: The database lacks tables of this release.
        WrongPoolerMode: The mode of the pooler is not the one in the URL.
    """
    for former, current in former_names(os.environ).items():
        log.warning("a setting has a former name; the next release ignores it", setting=former, use=current)
    _require_writable(settings.home.expanduser())
    database = Database(attach(settings).database_url, pool_size=1)
    try:
        await database.require_pooler_mode()
        await _require_migrated(database)
    except DatabaseUnavailable as error:
        log.warning("the database is unavailable; the process waits for it", error=error_summary(error))
    finally:
        await database.close()


async def _require_migrated(database: Database) -> None:
    try:
        async with database.reading() as reader:
            found = (await reader.execute(_CURRENT)).scalar_one_or_none()
    except ProgrammingError:  # the table does not exist
        raise NotMigrated from None
    if found is None or found in revisions.outdated():
        raise NotMigrated


def _require_writable(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(
            f"PURAS_HOME {home} cannot be created: {error.strerror}. Set it to a folder that this user can create."
        ) from error
    if not os.access(home, os.W_OK | os.X_OK):
        raise HomeUnusable(
            f"PURAS_HOME {home} is not writable by user ID {os.geteuid()}. Set it to a writable folder, change its "
            "owner, or mount it writable."
        )
