"""Databases of any size for N5, filled by SQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg import sql

from backend import embedded
from backend.config import Settings
from backend.migrations import run as migrations
from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle
from benchmarks.instance import NOOP_SKILL
from benchmarks.temporary import temporary_folder

READY: Final = 2_000
"""The number of ready jobs: equal for all sizes, and more than the measurement claims."""


class Size(NamedTuple):
    """The numbers of rows."""

    projects: int
    pending: int
    finished: int
    later: int = 0
    """Jobs that are due in the next days, with a higher priority than all others."""


@contextmanager
def running_server() -> Iterator[str]:
    """Run an embedded PostgreSQL in a temporary home, and yield its URL."""
    with temporary_folder() as folder:
        settings = Settings(home=folder / "home")
        servers = embedded.start(settings)
        try:
            yield servers.database_url
        finally:
            embedded.stop(settings)


def create(server_url: str, name: str) -> str:
    """Create an empty database with all tables, and return its URL."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    url = urlsplit(server_url)._replace(path=f"/{name}").geturl()
    migrations.upgrade(url)
    return url


def fill(database_url: str, size: Size) -> list[UUID]:
    """Fill a migrated, empty database, and return the IDs of its projects."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        connection.execute("set maintenance_work_mem = '256MB'")
        plain = connection.execute(_PLAIN_INDEXES).fetchall()
        for name, _ in plain:
            connection.execute(f"drop index {name}")
        for statement in _statements(size):
            connection.execute(statement)
        for statement in _SKILLPACKS:
            connection.execute(statement, {"manifest": _manifest()} if "%" in statement else None)
        for _, definition in plain:  # building indexes after the inserts takes a third of the time
            connection.execute(definition)
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")  # otherwise it would run during the measurement
        rows = connection.execute("select id from projects").fetchall()
    return [row[0] for row in rows]


_PLAIN_INDEXES: Final = """
select c.relname, pg_get_indexdef(c.oid) from pg_class c join pg_index i on i.indexrelid = c.oid
where c.relkind = 'i' and not i.indisunique and not c.relispartition and c.relnamespace = 'public'::regnamespace
"""
_COLUMNS: Final = """insert into jobs (id, project_id, skillpack_id, deployment_id, deployment_version, skill_name,
  type, status, inputs, result, lane, priority, source, attempt, event_seq, submitted_by, created_at, started_at,
  finished_at) """


_SKILLPACKS: Final = (
    """insert into skillpacks (id, project_id, slug, name, description, is_default, last_version, created_at)
       select id, id, 'main', 'main', '', true, 1, now() from projects""",
    """insert into deployments (id, project_id, skillpack_id, kind, version, sha256, size_bytes, manifest, warnings,
                                notes, created_by, created_at)
       select id, id, id, 'version', 1, repeat('0', 64), 1, %(manifest)s, '[]', '', '', now() from projects""",
    "update skillpacks set active_deployment_id = id",
)
"""Each project has one deployment, whose ID is that of the project."""


def _manifest() -> str:
    """Return the manifest of the no-op skill as JSON."""
    return read_bundle(pack_files(NOOP_SKILL)).manifest.model_dump_json()


def _statements(size: Size) -> list[str]:
    project = f"md5('project' || 1 + n % {size.projects})::uuid"
    queued = f"{READY + size.pending}"
    counts = (
        "count(*) filter (where stamp is not null) as ready, count(*) filter (where stamp is null) as pending"
    )
    return [
        f"""insert into projects (id, slug, name, created_at)
            select md5('project' || n)::uuid, 'p-' || n, '', now() from generate_series(1, {size.projects}) n""",
        "insert into wallets (project_id, balance_micros) select id, 1000000000 from projects",
        f"""{_COLUMNS} select md5('job' || n)::uuid, {project}, {project}, {project}, 1, 'noop', 'deterministic',
              case when n % 50 = 0 then 'failed' else 'succeeded' end, '{{"n": 1}}', '{{"n": 1}}', 'default', 0, 'api',
              1, 3, 'key:bench', t, t, t
            from generate_series(1, {size.finished}) n,
                 lateral (select now() - interval '1 second' * ({size.finished} - n) as t) age""",
        f"""{_COLUMNS} select md5('queued' || n)::uuid, {project}, {project}, {project}, 1, 'noop', 'deterministic',
              'queued', '{{"n": 1}}', null, 'default', 0, 'api', 0, 1, 'key:bench',
              now() - interval '1 microsecond' * n, null, null
            from generate_series(1, {queued}) n""",
        f"""insert into job_queue (job_id, project_id, lane, priority, stamp, submitted_at)
            select md5('queued' || n)::uuid, {project}, 'default', 0, case when n <= {READY} then n * 1000 end, now()
            from generate_series(1, {queued}) n""",
        f"""{_COLUMNS} select md5('later' || n)::uuid, {project}, {project}, {project}, 1, 'noop', 'deterministic',
              'queued', '{{"n": 1}}', null, 'default', 100, 'api', 0, 1, 'key:bench',
              now() - interval '1 microsecond' * n, null, null
            from generate_series(1, {size.later}) n""",
        f"""insert into job_queue (job_id, project_id, lane, priority, not_before, is_later, submitted_at)
            select md5('later' || n)::uuid, {project}, 'default', 100, now() + interval '1 hour' + n * interval '1 s',
              true, now() - interval '1 day'
            from generate_series(1, {size.later}) n""",
        f"""insert into admissions (project_id, concurrency_limit, weight, admitted, parked, tail)
            select project_id, greatest(count(*) filter (where stamp is not null), 1), 1, ready, pending, {READY} * 1000
            from (select project_id, stamp from job_queue) q join
                 (select project_id, {counts} from job_queue group by project_id) c using (project_id)
            group by project_id, ready, pending""",
        """insert into job_events (job_id, seq, ts, type, payload)
            select id, k, created_at, 'started', '{}' from jobs, generate_series(1, 2) k
            where status = 'succeeded'""",
    ]
