"""The migration to restricted keys, for keys and windows that an earlier release stored."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import UUID, uuid4

import psycopg
import pytest

from backend.core.db.engine import Database
from backend.migrations import run

BEFORE = "0027_memory_by_turns"


@pytest.fixture
def old(database: Database, database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Yield a connection to an empty database of the earlier release; upgrade the database at the end."""
    run.downgrade(database_url, BEFORE)
    connection = psycopg.connect(database_url, autocommit=True)
    try:
        yield connection
    finally:
        connection.execute("delete from audit_rows")
        connection.execute("delete from projects")
        connection.close()
        run.upgrade(database_url)


def project(old: psycopg.Connection[tuple[object, ...]], window: int, *, by_member: bool = False) -> UUID:
    """Create a project with a window of the given size."""
    its_id = uuid4()
    old.execute(
        "insert into projects (id, slug, name, created_at) values (%s, %s, 'x', now())", (its_id, str(its_id))
    )
    old.execute(
        "insert into admissions (project_id, concurrency_limit, weight, admitted, parked, tail, lanes)"
        " values (%s, %s, 1, 0, 0, 0, '{default}')",
        (its_id, window),
    )
    if by_member:
        facts = json.dumps({"concurrency_limit": window})
        old.execute(
            "insert into audit_rows (project_id, actor, action, target, facts, request_id, at)"
            " values (%s, 'user:eve@example.org', 'project.changed', 'x', %s, '', now())",
            (its_id, facts),
        )
    return its_id


def test_stored_restricted_keys_read_only_their_own_jobs(
    old: psycopg.Connection[tuple[object, ...]], database_url: str
) -> None:
    owner = project(old, 50)
    stored = {
        "plain": ("secret", [], [], None, False),
        "scoped": ("secret", ["jobs:read", "drive:read"], [], None, False),
        "listed": ("secret", ["jobs:submit", "jobs:read"], ["greet"], None, False),
        "capped": ("secret", ["jobs:read", "project:write"], [], 1, False),
        "ending": ("secret", ["jobs:read"], [], None, True),
        "bare": ("secret", [], ["greet"], None, False),
        "public": ("publishable", ["jobs:read"], ["greet"], None, False),
    }
    for name, (kind, scopes, skills, cap, expires) in stored.items():
        old.execute(
            "insert into api_keys (id, project_id, kind, name, prefix, secret_hash, scopes, skill_allowlist,"
            " daily_cap_micros, expires_at, created_at, created_by)"
            " values (%s, %s, %s, %s, %s, '', %s, %s, %s, case when %s then now() end, now(), '')",
            (uuid4(), owner, kind, name, name, scopes, skills, cap, expires),
        )

    run.upgrade(database_url)

    found = dict(old.execute("select name, scopes from api_keys").fetchall())
    assert found == {
        "plain": [],
        "scoped": ["jobs:read", "drive:read"],
        "listed": ["jobs:submit", "jobs:read_own"],
        "capped": ["jobs:read_own", "project:write"],
        "ending": ["jobs:read_own"],
        "bare": [],
        "public": ["jobs:read"],
    }


def test_migration_separates_windows_of_members_and_operators(
    old: psycopg.Connection[tuple[object, ...]], database_url: str
) -> None:
    usual, granted, raised = project(old, 50), project(old, 200), project(old, 9_000, by_member=True)

    run.upgrade(database_url)

    rows = old.execute("select id, limits, own_limits from projects").fetchall()
    assert {row[0]: row[1:] for row in rows} == {
        usual: ({}, {}),
        granted: ({"concurrency": 200}, {}),
        raised: ({}, {"concurrency": 9_000}),
    }
