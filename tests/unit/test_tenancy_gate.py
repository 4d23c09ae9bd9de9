"""Every query of a tenant's table names the project whose rows it uses.

Each such query starts with `visible(Table, principal)` or contains the `project_id`. Queries across projects are listed
here, each with the reason; unused entries are errors.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlmodel import SQLModel

from backend import tables
from backend.core.db.engine import metadata
from backend.core.db.named_queries import read_entries

ROOT = Path(__file__).parents[2]
SCANNED = ("backend", "workers", "studio")
OUTSIDE = ("backend/identity/auth/", "backend/operations/", "backend/migrations/")
"""The access check itself, the operator's own commands, and the schema."""

BY_JOB = {"job_events", "job_steps", "journal_entries", "media_calls"}
"""Tables whose rows belong to a job: their queries contain the job instead of the project."""

ALLOWED: dict[str, str] = {
    "backend/skills/deployments/manifests.py": "reads manifests of deployments that `visible` has found",
    "backend/skills/deployments/sweep.py": "ends old drafts and removes unused bytes, of every project",
    "backend/data/drive/uploads/expiry.py": "deletes expired uploads, of every project",
    "backend/execution/events/append.py": "numbers the event of the job that the transaction has locked",
    "backend/execution/events/queries.py": "events of the one job that `visible` has returned",
    "backend/evals/insights/queries.py": "events of the jobs that `visible` has returned",
    "backend/execution/worker_registry/service.py": "a worker counts its own running jobs, of every project",
    "backend/housekeeping.py": "deletes expired invitations, of every project",
    "backend/money/admission.py": "the sweeper takes jobs whose time has come, of every project",
    "backend/execution/jobs/cancel.py": "acts on the one job that `visible` has returned",
    "backend/execution/jobs/attempts/subjobs.py": "a worker serves the subjobs of its running jobs, of every project",
    "backend/execution/jobs/attempts/claim.py": "a worker serves every project: it claims in the order of fairness",
    "backend/execution/jobs/sql/claim.sql": "a worker serves every project: it claims in the order of fairness",
    "backend/execution/jobs/attempts/recovery.py": "the sweeper takes jobs from dead workers, of every project",
    "backend/execution/jobs/forks/steps.py": "reads the step of the one job that `visible` has returned",
    "backend/execution/logs/service.py": "reads the log of the one job that `visible` has returned",
    "backend/execution/model_calls/service.py": "reads the journal of the one job that `visible` has returned",
    "backend/execution/journal/service.py": "reads and writes the steps of the one attempt of its worker",
    "backend/execution/steps/service.py": "reads and writes the steps of the one attempt of its worker",
    "backend/money/ledger/audit.py": "the operator's audit sums up every wallet of the instance",
    "backend/money/ledger/service.py": "reads the usage of the one attempt of its worker",
    "backend/integrations/media/calls.py": "reads and writes the orders of the one attempt that the token identifies",
    "backend/data/memory/embedding_queue.py": "embeds new records, of every project",
    "backend/administration/retention/memory.py": "deletes old records by the rules of the instance, of every project",
    "backend/administration/retention/months.py": "deletes a month of events that no job of any project needs",
    "backend/administration/retention/rows.py": "deletes old rows by the rules of the instance, of every project",
    "backend/administration/admin/support.py": "counts failures of every project, without their content, for operators",
    "backend/administration/key_rotation.py": "encrypts the secrets of every project with the newest key",
}


class Query(NamedTuple):
    """A location in the code with a query of a tenant's table."""

    file: str
    line: int
    what: str
    is_scoped: bool


@pytest.fixture(scope="module")
def queries() -> list[Query]:
    found: list[Query] = []
    for folder in SCANNED:
        paths = (path for suffix in ("py", "sql") for path in (ROOT / folder).rglob(f"*.{suffix}"))
        for path in sorted(paths):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(OUTSIDE):
                read = queries_in if path.suffix == ".py" else queries_in_sql_file
                found += read(path.read_text(encoding="utf-8"), name)
    return found


def test_every_query_of_a_tenant_table_names_the_project(queries: list[Query]) -> None:
    unscoped = [
        f"{one.file}:{one.line} {one.what}"
        for one in queries
        if not one.is_scoped and one.file not in ALLOWED
    ]
    assert not unscoped, "start with visible(Table, principal), or add the project_id"


def test_every_exception_is_still_needed(queries: list[Query]) -> None:
    needed = {one.file for one in queries if not one.is_scoped}
    assert set(ALLOWED) <= needed, "remove the unused entry"


@pytest.mark.parametrize(
    "query",
    [
        "def f(s): return s.scalars(select(Job).where(Job.id == 1))",
        "def f(s): return s.get(Job, 1)",
        "def f(s): return s.get_one(Secret, 1)",
        "def f(s): return s.execute(select(col(Job.id), func.count()))",
        "def f(s): return s.execute(select(func.count()).select_from(Job))",
        "def f(s): return s.execute(update(Wallet).values(balance_micros=1))",
        "def f(s): return s.execute(delete(ApiKey))",
        "Q = text('select * from jobs where id = :id')",
        "Q = text(f'update wallets set balance_micros = 0 where {x}')",
        "Q = text('select 1 from projects p join secrets s on true')",
        "def f(s): return s.scalars(select(Wallet.project_id))",
        "def f(s):\n  if s.scalar(select(Job.id)): return 1",
        "def f(s, pid): select(Job); return select(Deployment).where(Deployment.project_id == pid)",
    ],
)
def test_query_without_a_project_is_found(query: str) -> None:
    assert any(not one.is_scoped for one in queries_in(query, "x.py"))


@pytest.mark.parametrize(
    "query",
    [
        "def f(s, p): return s.scalars(visible(Job, p).where(Job.id == 1))",
        "def f(s, p): return s.scalars(select(Job).where(Job.project_id == p.project_id))",
        "def f(s, p): return s.scalars(update(Job).where(col(Job.project_id) == p.project_id))",
        "def f(s, p): return s.get(Member, (p.project_id, 1))",
        "Q = text('select * from jobs where project_id = :project_id')",
        "def f(s): return s.scalars(select(Project))",
        "TITLE = 'copy the jobs from there'",
    ],
)
def test_query_of_one_project_is_accepted(query: str) -> None:
    assert all(one.is_scoped for one in queries_in(query, "x.py"))


def test_named_query_without_a_project_is_found() -> None:
    source = (
        "-- name: a\n-- B.\nselect 1 from jobs\n\n-- name: b\n-- C.\nselect 1 from jobs where project_id = 1"
    )
    found = list(queries_in_sql_file(source, "x.sql"))
    assert [(one.line, one.is_scoped) for one in found] == [(3, False), (7, True)]


def _tenant_tables() -> dict[str, str]:
    """Return the table names of all classes that belong to a project."""
    classes = [getattr(tables, name) for name in tables.__all__]
    models = [one for one in classes if isinstance(one, type) and issubclass(one, SQLModel)]
    names = {one.__name__: str(one.__tablename__) for one in models}
    return {
        one: table
        for one, table in names.items()
        if "project_id" in metadata.tables[table].columns or table in BY_JOB
    }


TENANT = _tenant_tables()
_SQL = re.compile(r"^\s*(?:with|select|insert|update|delete|merge)\b|\b(?:where|set|values)\b", re.IGNORECASE)
_IN_SQL = re.compile(rf"\b(?:from|join|update|into)\s+({'|'.join(TENANT.values())})\b", re.IGNORECASE)


_TABLE = re.compile("|".join([*TENANT, *TENANT.values()]), re.IGNORECASE)
"""Files without one of these words need not be parsed."""


def queries_in(source: str, file: str) -> Iterator[Query]:
    if _TABLE.search(source):
        nodes = list(ast.walk(ast.parse(source)))
        yield from _by_orm(nodes, file)
        yield from _by_sql(nodes, file)


def queries_in_sql_file(source: str, file: str) -> Iterator[Query]:
    """Yield the named queries that use a table of a tenant."""
    for entry in read_entries(file, source):
        line = source[: source.index(entry.sql)].count("\n") + 1
        if found := _IN_SQL.search(entry.sql):
            yield Query(file, line, f"{entry.name} of {found[1]}", "project_id" in entry.sql)


def _by_orm(nodes: list[ast.AST], file: str) -> Iterator[Query]:
    used = {node: tables for node in nodes if isinstance(node, ast.Call) and (tables := _tables_of(node))}
    for statement in (node for node in nodes if used and isinstance(node, ast.stmt)):
        own = list(_own_nodes(statement))
        compared = " ".join(ast.unparse(node) for node in own if isinstance(node, ast.Compare))
        for call in (node for node in own if isinstance(node, ast.Call)):
            for table in used.get(call, ()):
                is_scoped = f"{table}.project_id" in compared or _has_whole_key(call)
                yield Query(file, call.lineno, f"{ast.unparse(call.func)[-40:]}({table})", is_scoped)


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a statement without those of nested statements."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt):
            yield child
            yield from _own_nodes(child)


def _tables_of(call: ast.Call) -> list[str]:
    """Return the tenant tables that a call of select, update, delete, select_from, get or get_one uses."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name in ("get", "get_one") and call.args and isinstance(call.args[0], ast.Name):
        arguments: list[ast.expr] = call.args[:1]
    elif name in ("select", "update", "delete", "select_from"):
        arguments = call.args
    else:
        return []
    names = {node.id for one in arguments for node in ast.walk(one) if isinstance(node, ast.Name)}
    return sorted(names & set(TENANT))


def _has_whole_key(call: ast.Call) -> bool:
    """Return whether the call is like `session.get(Member, (principal.project_id, …))`."""
    return getattr(call.func, "attr", "") in ("get", "get_one") and "project_id" in ast.unparse(call.args[-1])


def _by_sql(nodes: list[ast.AST], file: str) -> Iterator[Query]:
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    inside = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if id(node) in docstrings or id(node) in inside:
            continue
        sql = _sql_of(node)
        found = _IN_SQL.search(sql) if sql and _looks_like_sql(sql) else None
        if found:
            yield Query(file, getattr(node, "lineno", 0), f"SQL of {found[1]}", "project_id" in sql)


def _sql_of(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value for part in node.values if isinstance(part, ast.Constant))
    return None


def _looks_like_sql(sql: str) -> bool:
    return (
        re.search(r"^\s*(?:with|select|insert|update|delete|merge)\b|\b(?:where|set|values)\b", sql, re.I)
        is not None
    )


def test_jobs_are_created_only_where_their_input_files_are_checked() -> None:
    def files_with(pattern: str, suffix: str) -> set[str]:
        paths = (path for folder in SCANNED for path in (ROOT / folder).rglob(f"*.{suffix}"))
        found = (
            path for path in paths if re.search(pattern, path.read_text(encoding="utf-8"), re.IGNORECASE)
        )
        return {path.relative_to(ROOT).as_posix() for path in found}

    inserts = r"insert\s+into\s+jobs\b|\.add(_all)?\(\[?Job\("
    assert files_with(inserts, "sql") == {"backend/execution/jobs/sql/submit.sql"}
    assert not files_with(inserts, "py")
    # A subjob and a step of a flow have the rights of the running parent, which may read the whole drive.
    assert files_with(r"\btransitions\.submit", "py") == {
        "backend/execution/flows/children.py",
        "backend/execution/jobs/submit.py",
        "backend/execution/jobs/subjobs/subagents.py",
    }
