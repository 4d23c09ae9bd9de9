"""The SQL of every transition does what the table of transitions lists, and nothing else."""

from __future__ import annotations

import ast
import inspect

import pytest

from backend.execution.jobs import transitions
from backend.execution.jobs.status import TERMINAL, TRANSITIONS
from backend.execution.jobs.transitions import QUERIES
from tests.unit.jobs.sql_transitions import UnreadableSqlError, transitions_of


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_query_makes_the_listed_transitions(name: str) -> None:
    listed = {(one.source, one.target) for one in TRANSITIONS if name in one.queries}
    assert transitions_of(QUERIES[name].text, TERMINAL) == listed


def test_listed_queries_exist() -> None:
    assert {name for one in TRANSITIONS for name in one.queries} == set(QUERIES)


def test_every_query_is_run() -> None:
    words = [
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(transitions)))
        if isinstance(node, ast.Constant)
    ]
    assert set(QUERIES) <= set(words)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "insert into jobs (id, status, limits) select :id, 'queued', cast(:a as json) from x",
            {(None, "queued")},
        ),
        (
            "insert into jobs (id, status) select :id, case when w is null then 'queued' else 'running' end from x",
            {(None, "queued"), (None, "running")},
        ),
        ("update jobs set status = 'running' where id = 1 and status = 'queued'", {("queued", "running")}),
        (
            "update jobs j set a = f(1, 2), status = :status where j.status in ('running', 'waiting') returning id",
            {("running", "failed"), ("running", "done"), ("waiting", "failed"), ("waiting", "done")},
        ),
        (
            "with held as (select id from jobs where status = 'running' for update)\n"
            "update jobs j set status = 'waiting', a = 1 from held where j.id = held.id",
            {("running", "waiting")},
        ),
        (
            "update jobs set status = case when exists (select from a where a.status = 'b') then status\n"
            "else 'queued' end where status = 'waiting'",
            {("waiting", "queued")},
        ),
        ("with a as (update jobs set attempt = 1 where status = 'queued') select 1", set()),
        ("update workers set status = 'gone' where status = 'here'", set()),
    ],
)
def test_transitions_are_read_from_sql(sql: str, expected: set[tuple[str | None, str]]) -> None:
    assert transitions_of(sql, ["failed", "done"]) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "update jobs set status = 'running' where id = 1",
        "update jobs set status = 'running' where id = 1 or status = 'queued'",
        "update jobs set status = 'running' where status = 'queued' and id = 1 or id = 2",
        "update jobs set status = 'running' where id = 1 -- and status = 'queued'\n",
        "update jobs set status = 'running' where exists (select from jobs where status = 'queued')",
        "update jobs set status = other where status = 'queued'",
        "with held as (select id from jobs where status = 'queued')\n"
        "update jobs j set status = 'running' from held where j.id = held.id",
    ],
)
def test_sql_without_a_clear_transition_is_rejected(sql: str) -> None:
    with pytest.raises(UnreadableSqlError):
        transitions_of(sql, [])
