"""Collect what explains a problem of an instance to others, without secrets and without data of projects."""

from __future__ import annotations

import io
import json
import platform
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.administration.monitoring import queue_state
from backend.config import Settings
from backend.core.clock import now
from backend.core.version import version

NAME: Final = "puras-support.zip"
_README: Final = """A support bundle of Puras Studio.

It contains versions, settings, and the state of the servers, workers and queue. Secret settings are shown as "(set)".
It contains no names, inputs, results or messages of projects. Read it before you send it.
"""
_DATABASE: Final = text("""
select version() as version, (select version_num from alembic_version) as revision,
       pg_database_size(current_database()) as size_bytes,
       (select count(*) from pg_stat_activity where datname = current_database()) as connections,
       (select setting from pg_settings where name = 'max_connections') as max_connections
""")
_TABLES: Final = text("""
select c.relname as name, c.reltuples as estimated_rows, pg_total_relation_size(c.oid) as size_bytes,
       s.n_dead_tup as dead_rows, s.last_autovacuum
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_stat_user_tables s on s.relid = c.oid
where n.nspname = 'public' and c.relkind in ('r', 'p') order by 3 desc, 1
""")
_WORKERS: Final = text("""
select id, host, pid, lanes, capacity, running, sandbox_layers, started_at, beat_at, stopping, shortage from workers
order by host, started_at, id
""")
_FAILURES: Final = text("""
select error_code, type, count(*) as jobs, max(finished_at) as last_at from jobs
where finished_at > now() - interval '7 days' and status = 'failed'
group by error_code, type order by jobs desc, error_code
""")
_WEBHOOKS: Final = text("""
select count(*) filter (where status = 'pending') as pending, count(*) filter (where status = 'given_up') as failed
from webhook_deliveries where created_at > now() - interval '7 days'
""")


async def collect(session: AsyncSession, settings: Settings) -> dict[str, Any]:
    """Return the files of the bundle by name, as values for JSON."""
    database = (await session.execute(_DATABASE)).mappings().one()
    tables = (await session.execute(_TABLES)).mappings().all()
    waiting = [asdict(one) for one in await queue_state.list_waiting_jobs(session)]
    return {
        "about.json": about(),
        "settings.json": shown_settings(settings),
        "database.json": {**database, "tables": [dict(row) for row in tables]},
        "workers.json": [dict(row) for row in (await session.execute(_WORKERS)).mappings()],
        "queue.json": waiting,
        "failures.json": {
            "jobs_of_7_days": [dict(row) for row in (await session.execute(_FAILURES)).mappings()],
            "webhook_deliveries_of_7_days": dict((await session.execute(_WEBHOOKS)).mappings().one()),
        },
    }


def about() -> dict[str, Any]:
    """Return the versions of the program, its packages and the host."""
    packages = {one.name: one.version for one in metadata.distributions() if one.name}
    return {
        "created_at": now(),
        "puras_studio": version(),
        "python": sys.version,
        "platform": platform.platform(),
        "packages": dict(sorted(packages.items(), key=lambda item: item[0].lower())),
    }


def shown_settings(settings: Settings) -> dict[str, Any]:
    """Return all settings by name. Secrets, and the credentials in URLs, are replaced."""
    return {name: _shown(getattr(settings, name)) for name in sorted(type(settings).model_fields)}


def as_zip(files: Mapping[str, Any]) -> bytes:
    """Return the files as a ZIP archive, with a text that describes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _README)
        for name, content in files.items():
            archive.writestr(name, json.dumps(content, indent=2, default=str, ensure_ascii=False))
    return buffer.getvalue()


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return "(set)" if value.get_secret_value() else None
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        host = parts.netloc.rpartition("@")[2]
        return urlunsplit((parts.scheme, host, parts.path, "", ""))
    return value
