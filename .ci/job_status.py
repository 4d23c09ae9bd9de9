"""Find the files that write `jobs.status`, which one module owns."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

OWNER: Final = "backend/execution/jobs/transitions.py"
"""The only module that may write the column; its SQL is in `OWNED_SQL`."""
OWNED_SQL: Final = "backend/execution/jobs/sql/"

# The variants `update only jobs` and `update jobs as j` included; the assignments are read by `_assigned_columns`.
_UPDATE: Final = re.compile(
    r"\bupdate\s+(?:only\s+)?jobs(?:\s+(?:as\s+)?(?!set\b)\w+)?\s+set\b", re.IGNORECASE
)
_INSERT: Final = re.compile(r"\b(?:insert|merge)\s+into\s+jobs\b", re.IGNORECASE)
_END_OF_SET: Final = re.compile(r"\b(?:from|where|returning)\b|;", re.IGNORECASE)
_MAY_WRITE: Final = re.compile(r"\b(?:update|only|insert|into)\b(?:\W|\bf\b)+jobs?\b|\.status\b|setattr")
"""Whether a file, in lower case, is worth parsing."""
_JOB_VARIABLE: Final = re.compile(r"(?:^|_)job$", re.IGNORECASE)


def is_owner(path: str) -> bool:
    """Return whether a file, by its path in the repository, may write the column."""
    return path == OWNER or (path.startswith(OWNED_SQL) and path.endswith(".sql"))


def writes_job_status(path: Path) -> bool:
    """Return whether a Python or SQL file writes the column `jobs.status`, as far as its text shows it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        return sql_writes_status(text)
    if not _MAY_WRITE.search(text.lower()):
        return False
    return any(sql_writes_status(sql) or _orm_writes(node) for node, sql in _with_strings(ast.parse(text)))


def sql_writes_status(sql: str) -> bool:
    """Return whether an SQL text inserts jobs or assigns their status."""
    if _INSERT.search(sql):
        return True
    columns = (_assigned_columns(sql[found.end() :]) for found in _UPDATE.finditer(sql))
    # A placeholder of a named query, as in `update jobs set {columns}`, may name the column.
    return any("status" in names or any(name.startswith("{") for name in names) for names in columns)


def _assigned_columns(sql: str) -> set[str]:
    """Return the columns that the assignments after `set` name, up to the end of this clause."""
    flat, depth = [], 0
    for character in sql:
        depth -= character == ")"
        if depth < 0:
            break
        flat.append(character if not depth else " ")
        depth += character == "("
    clause = _END_OF_SET.split(
        re.sub(r"distinct\s+from", "<>", "".join(flat), flags=re.IGNORECASE), maxsplit=1
    )[0]
    names = {part.partition("=")[0].strip().strip('"').lower() for part in clause.split(",")}
    # `set (status, error) = (…)`: the names are in parentheses.
    tuples = re.match(r"\s*\(([^)]*)\)\s*=", sql)
    return names | ({name.strip().lower() for name in tuples[1].split(",")} if tuples else set())


def _with_strings(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    """Yield each node with its text if it is a string; what an f-string inserts is replaced by a word."""
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(p.value) if isinstance(p, ast.Constant) else " inserted " for p in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        yield node, text


def _orm_writes(node: ast.AST) -> bool:
    """Return whether it is `job.status = …`, `setattr(job, "status", …)` or a statement on `Job` with a status."""
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(_is_status_of_job(target) for target in targets)
    if not isinstance(node, ast.Call):
        return False
    called = node.func.id if isinstance(node.func, ast.Name) else None
    if called == "setattr" and len(node.args) > 1:
        return (
            _is_job(node.args[0])
            and isinstance(node.args[1], ast.Constant)
            and node.args[1].value == "status"
        )
    if called == "insert":
        return any(isinstance(argument, ast.Name) and argument.id == "Job" for argument in node.args)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "values" and (node.args or node.keywords):
        return "update(Job)" in ast.unparse(node.func) and "status" in ast.unparse(node)
    return False


def _is_status_of_job(target: ast.expr) -> bool:
    if isinstance(target, ast.Tuple | ast.List):
        return any(_is_status_of_job(element) for element in target.elts)
    return isinstance(target, ast.Attribute) and target.attr == "status" and _is_job(target.value)


def _is_job(value: ast.expr) -> bool:
    name = value.id if isinstance(value, ast.Name) else value.attr if isinstance(value, ast.Attribute) else ""
    return _JOB_VARIABLE.search(name) is not None
