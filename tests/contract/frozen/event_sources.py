"""Read from the source code the payloads of events that SQL builds, and the error codes of jobs.

The classes in `backend/execution/events/types` describe all events. A few statements build a payload themselves from
values that only the database has, and no class lists the error codes of jobs: this module reads both from the source
files. When a refactoring renames what it looks for, adapt the constants below.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
PACKAGES: Final = ("backend", "workers")
FAILURES: Final = frozenset({"Failure", "Stopped"})
"""Callables whose first argument is the error code of a job."""
_TABLE: Final = "job_events"
_CODE: Final = re.compile(r"[a-z]+(_[a-z]+)*")
_INSERT: Final = re.compile(
    rf"insert into {_TABLE} \([^)]*\)\s+select (?:(?!\bfrom\b)[^'])*'(\w+)',\s*(.*?)\s+from\b", re.DOTALL
)
_SQL_KEY: Final = re.compile(r"(?<!->> )'(\w+)',")
_PARAMETER: Final = re.compile(r"cast\(:\w+ as jsonb\)")
"""The payload of an event that a writer has encoded."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """One source file: its functions by name, and the function that encloses each node.

    It is parsed only if it is needed, since most files contain neither events nor error codes of jobs.
    """

    def __init__(self, path: Path, package: str) -> None:
        self.package = package
        self.text = path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def enclosing(self) -> dict[ast.AST, Function]:
        """The innermost function of each node in a function."""
        found: dict[ast.AST, Function] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                found.update(dict.fromkeys(ast.walk(node), node))
        return found

    @property
    def may_fail_jobs(self) -> bool:
        """Whether it can contain an error code of a job."""
        return "error_code" in self.text or any(name in self.text for name in FAILURES) or self._has_codes

    @property
    def _has_codes(self) -> bool:
        return self.package == "workers" and "code" in self.text


class EventSources:
    """All source files that may write events or fail a job."""

    def __init__(self, root: Path = ROOT) -> None:
        folders = [root / package for package in PACKAGES]
        self._modules = [
            Module(path, folder.name)
            for folder in folders
            for path in sorted(folder.rglob("*.py"))
            if "migrations" not in path.parts
        ]
        self._sql_files = [path for folder in folders for path in sorted(folder.rglob("*.sql"))]

    def sql_payloads(self) -> dict[str, list[str]]:
        """Return the fields of the payloads that SQL builds, sorted, by the type of the event."""
        found: dict[str, set[str]] = defaultdict(set)
        for sql in self._statements():
            for kind, payload in _INSERT.findall(sql):
                if _PARAMETER.fullmatch(payload) is None:
                    # The keys are in this expression, or in a column of the same statement.
                    found[kind] |= set(
                        _SQL_KEY.findall(payload if "(" in payload else sql.partition("as facts")[0])
                    )
        return {kind: sorted(found[kind]) for kind in sorted(found)}

    def job_error_codes(self) -> list[str]:
        """Return the codes with which jobs fail, as far as a constant names them.

        The exceptions of `backend` that a job may fail with are among the error codes of the API.
        """
        nodes = (
            (module, node)
            for module in self._modules
            if module.may_fail_jobs
            for node in ast.walk(module.tree)
            if module.package == "workers" or not isinstance(node, ast.ClassDef)
        )
        found = (_words(module, part) for module, node in nodes for part in _code_parts(node))
        return sorted(code for code in set[str]().union(*found) if _CODE.fullmatch(code))

    def _statements(self) -> Iterator[str]:
        for path in self._sql_files:
            yield from re.split(r"^-- name: ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for module in self._modules:
            for node in ast.walk(module.tree) if _TABLE in module.text else ():
                if isinstance(node, ast.Constant | ast.JoinedStr):
                    yield _text(node)


def _words(module: Module, node: ast.AST) -> set[str]:
    """Return the constants of a tuple or set, directly or through a variable."""
    if isinstance(node, ast.Name):
        return set[str]().union(*(_words(module, value) for value in _assigned(module, node)))
    return {
        one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }


def _assigned(module: Module, name: ast.Name) -> Iterator[ast.expr]:
    """Yield the expressions that a variable receives in its function or in the module."""
    scope = module.enclosing.get(name, module.tree)
    for node in chain(ast.walk(scope), module.tree.body):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_is_variable(target, name.id) for target in targets):
                yield node.value


def _code_parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the expressions in a node that hold the error code of a job."""
    if isinstance(node, ast.Call):
        yield from (one.value for one in node.keywords if one.arg == "error_code" and _is_word(one.value))
        if _name(node.func) in FAILURES and node.args:
            first = node.args[0].value if isinstance(node.args[0], ast.Starred) else node.args[0]
            yield from [first] if isinstance(first, ast.Constant | ast.Name) else []
    elif isinstance(node, ast.ClassDef):
        for statement in node.body:
            if isinstance(statement, ast.Assign) and _is_variable(statement.targets[0], "code"):
                yield from [statement.value] if _is_word(statement.value) else []


def _is_word(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_variable(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _text(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    return "".join(
        one.value if isinstance(one, ast.Constant) and isinstance(one.value, str) else "{}"
        for one in node.values
    )
