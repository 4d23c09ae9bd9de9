"""The migrations create the tables of the code, can be undone, and let older processes continue to write rows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.util import CommandError
from sqlalchemy import create_engine, text

from backend.core.db.engine import driver_url
from backend.migrations import run

REVISIONS = Path(run.__file__).with_name("versions")


def columns_without_default(source: str) -> Iterator[str]:
    """Yield the columns that a revision adds to an existing table as not null and without a `server_default`.

    A process of the previous release inserts rows without them while it runs on the new tables.
    """
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    upgrade = next(function for function in functions if function.name == "upgrade")
    calls = [node for node in ast.walk(upgrade) if isinstance(node, ast.Call)]
    created = {ast.unparse(call.args[0]) for call in calls if _name(call) == "create_table"}
    for call in calls:
        if _name(call) == "add_column" and ast.unparse(call.args[0]) not in created:
            column = call.args[-1]
            assert isinstance(column, ast.Call), ast.unparse(call)
            options = {one.arg: ast.unparse(one.value) for one in column.keywords}
            if options.get("nullable") == "False" and "server_default" not in options:
                yield f"{ast.unparse(call.args[0])}.{ast.unparse(column.args[0])}".replace("'", "")


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def test_migrations_match_the_tables_and_can_be_undone(database_url: str) -> None:
    run.check(database_url)
    run.downgrade(database_url, "base")
    assert run.current_revision(database_url) is None
    run.upgrade(database_url)
    run.check(database_url)
    assert run.current_revision(database_url) == run.newest_revision()


def test_default_that_only_the_migrations_have_is_detected(database_url: str) -> None:
    engine = create_engine(driver_url(database_url))
    with engine.begin() as connection:
        connection.execute(text("alter table schedules alter column listing set default 'other'"))
    try:
        with pytest.raises(CommandError, match="modify_default"):
            run.check(database_url)
    finally:
        with engine.begin() as connection:
            connection.execute(text("alter table schedules alter column listing set default ''"))
        engine.dispose()
    run.check(database_url)


def test_downgrade_gives_each_event_a_row(database_url: str) -> None:
    stored = """
    insert into job_events (job_id, seq, ts, type, payload, earlier) values
      (:id, 1, '2026-12-01 10:00:00.5+00', 'queued', '{}', null),
      (:id, 4, '2026-12-01 10:00:02+00', 'succeeded', '{"cost_micros": 0}',
       '[[1000001, "sandbox", {"layers": []}], [3, "function_start", {}]]')
    """
    engine = create_engine(driver_url(database_url))
    job_id = {"id": uuid4()}
    with engine.begin() as connection:
        connection.execute(text(stored), job_id)
    run.downgrade(database_url, "0073_ascending_indexes")
    try:
        with engine.begin() as connection:
            rows = connection.execute(
                text("select seq, ts, type, payload from job_events where job_id = :id order by seq"), job_id
            ).all()
            connection.execute(text("delete from job_events where job_id = :id"), job_id)
    finally:
        engine.dispose()
        run.upgrade(database_url)
    assert [(row.seq, f"{row.ts.astimezone(UTC):%S.%f}", row.type, row.payload) for row in rows] == [
        (1, "00.500000", "queued", {}),
        (2, "00.999999", "sandbox", {"layers": []}),
        (3, "01.999997", "function_start", {}),
        (4, "02.000000", "succeeded", {"cost_micros": 0}),
    ]


@pytest.mark.parametrize("path", sorted(REVISIONS.glob("[0-9]*.py")), ids=lambda path: path.stem)
def test_new_not_null_columns_have_a_server_default(path: Path) -> None:
    assert list(columns_without_default(path.read_text(encoding="utf-8"))) == []


def test_new_column_without_a_default_is_detected() -> None:
    source = """
def upgrade():
    op.create_table("new", sa.Column("id", sa.Uuid(), nullable=False))
    op.add_column("new", sa.Column("of_a_new_table", sa.Text(), nullable=False))
    op.add_column("jobs", sa.Column("wrong", sa.Text(), nullable=False))
    op.add_column("jobs", sa.Column("right", sa.Text(), nullable=False, server_default=""))
    op.add_column("jobs", sa.Column("optional", sa.Text(), nullable=True))
"""
    assert list(columns_without_default(source)) == ["jobs.wrong"]
