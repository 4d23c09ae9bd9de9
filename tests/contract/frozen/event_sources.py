"""Read the job events, with the fields of their payloads, and the error codes of jobs from the source code.

No class lists them: each writer builds a dictionary. This module therefore reads the syntax trees of the packages
and follows each dictionary to its keys. When a refactoring renames a writer, adapt the constants below.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
PACKAGES: Final = ("backend", "workers")
WRITERS: Final = frozenset({"NewEvent", "record"})
"""Callables whose first two arguments are the type and the payload of an event."""
COMPUTED_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "ending.status": ("failed", "cancelled"),
    "stop.event": ("limits", "timeout", "cost_capped"),
    "kind": (),
    "type": (),
    "event.type": (),
}
"""The types that a writer means when its first argument is not a constant; empty when it copies another event."""
FAILURES: Final = frozenset({"Failure", "Stopped"})
"""Callables whose first argument is the error code of a job."""
_CODE: Final = re.compile(r"[a-z]+(_[a-z]+)*")
_INSERT: Final = re.compile(r"insert into job_events .*?'(\w+)',\s*(.*?)\s+from\b", re.DOTALL)
_SQL_KEY: Final = re.compile(r"(?<!->> )'(\w+)',")
_MAX_DEPTH: Final = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Module:
    """One source file: its functions by name, and the function that encloses each node."""

    def __init__(self, path: Path, package: str) -> None:
        self.package = package
        self.folder = path.parent
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.functions: dict[str, list[Function]] = defaultdict(list)
        self.enclosing: dict[ast.AST, Function] = {}
        self.owner: dict[Function, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, Function):
                self.functions[node.name].append(node)
                self.enclosing.update(dict.fromkeys(ast.walk(node), node))
            elif isinstance(node, ast.ClassDef):
                self.owner |= {method: node.name for method in node.body if isinstance(method, Function)}


class EventSources:
    """All modules that may write events."""

    def __init__(self, root: Path = ROOT) -> None:
        self._modules = [
            Module(path, package)
            for package in PACKAGES
            for path in sorted((root / package).rglob("*.py"))
            if "migrations" not in path.parts
        ]
        self._sql_files = sorted(path for package in PACKAGES for path in (root / package).rglob("*.sql"))
        self._functions: dict[str, list[tuple[Module, Function]]] = defaultdict(list)
        for module in self._modules:
            for name, found in module.functions.items():
                self._functions[name] += [(module, one) for one in found]

    def events(self) -> dict[str, list[str]]:
        """Return the fields of each type of event, sorted."""
        found: dict[str, set[str]] = defaultdict(set)
        for module in self._modules:
            for node in ast.walk(module.tree):
                for kind, fields in self._written(module, node):
                    found[kind] |= fields
        for path in self._sql_files:  # modules beside the folder of the files run their statements
            sql = path.read_text(encoding="utf-8")
            users = [module for module in self._modules if module.folder == path.parents[1]]
            for kind, payload_sql in _INSERT.findall(sql):
                found[kind] |= self._sql_fields(users, sql, payload_sql)
        return {kind: sorted(found[kind]) for kind in sorted(found)}

    def job_error_codes(self) -> list[str]:
        """Return the codes with which jobs fail, as far as a constant names them.

        The exceptions of `backend` that a job may fail with are among the error codes of the API.
        """
        nodes = (
            (module, node)
            for module in self._modules
            for node in ast.walk(module.tree)
            if module.package == "workers" or not isinstance(node, ast.ClassDef)
        )
        found = (self._words(module, part) for module, node in nodes for part in _code_parts(node))
        return sorted(code for code in set[str]().union(*found) if _CODE.fullmatch(code))

    def _written(self, module: Module, node: ast.AST) -> Iterator[tuple[str, set[str]]]:
        if isinstance(node, ast.Call) and _name(node.func) in WRITERS and len(node.args) > 1:
            payload = node.args[1]
            for kind in _types(node.args[0]):
                yield kind, self._fields(module, payload)
        elif isinstance(node, ast.Dict) and (of_kit := _kit_type(node)):
            yield of_kit, self._fields(module, node) - {"type"}
        elif isinstance(node, ast.ClassDef) and (of_stop := _stop_type(node)):
            yield of_stop, _stop_fields(node)
        elif isinstance(node, ast.Constant | ast.JoinedStr) and "insert into job_events" in (
            sql := _text(node)
        ):
            for kind, payload_sql in _INSERT.findall(sql):
                yield kind, self._sql_fields([module], sql, payload_sql)

    def _sql_fields(self, modules: list[Module], sql: str, payload: str) -> set[str]:
        parameter = re.search(r":(\w+) as jsonb", payload)
        if parameter is None:  # the keys are in this expression, or in a column of the same statement
            return set(_SQL_KEY.findall(payload if "(" in payload else sql.partition("as facts")[0]))
        values = (
            (module, value)
            for module in modules
            for node in ast.walk(module.tree)
            if isinstance(node, ast.Dict)
            for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and key.value == parameter[1]
        )
        return set[str]().union(*(self._fields(module, value) for module, value in values))

    def _fields(self, module: Module, node: ast.AST, depth: int = 0) -> set[str]:
        """Return the keys of the dictionary to which an expression evaluates, as far as the code shows them."""
        if depth > _MAX_DEPTH:
            return set()
        keys: set[str] = set()
        parts: list[tuple[Module, ast.AST]] = []
        if isinstance(node, ast.Dict):
            keys = {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}
            parts = [
                (module, value) for key, value in zip(node.keys, node.values, strict=True) if key is None
            ]
        elif isinstance(node, ast.DictComp):
            keys = self._words(module, node.generators[0].iter)
        elif isinstance(node, ast.Name):
            keys, parts = self._assigned(module, node)
        elif isinstance(node, ast.Call):
            keys, parts = self._called(module, node)
        else:
            parts = [(module, part) for part in _alternatives(node)]
        return keys.union(*(self._fields(where, part, depth + 1) for where, part in parts))

    def _assigned(self, module: Module, name: ast.Name) -> tuple[set[str], list[tuple[Module, ast.AST]]]:
        """Return the keys that a variable receives one by one, and the expressions that it receives whole."""
        keys: set[str] = set()
        values: list[tuple[Module, ast.AST]] = []
        scope = module.enclosing.get(name, module.tree)
        if isinstance(scope, Function) and any(one.arg == name.id for one in scope.args.args):
            values += self._arguments(scope, name.id)
        for node in chain(ast.walk(scope), module.tree.body):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if _is_variable(target, name.id):
                        values.append((module, node.value))
                    elif isinstance(target, ast.Subscript) and _is_variable(target.value, name.id):
                        keys |= {str(one.value) for one in [target.slice] if isinstance(one, ast.Constant)}
            elif isinstance(node, ast.For | ast.comprehension) and _is_variable(node.target, name.id):
                values.append((module, node.iter))
        return keys, values

    def _arguments(self, function: Function, parameter: str) -> Iterator[tuple[Module, ast.AST]]:
        """Yield what callers give for a parameter of a method whose name no other function has."""
        place = [one.arg for one in function.args.args].index(parameter) - 1
        if place < 0 or len(self._functions[function.name]) > 1:
            return
        for module in self._modules:
            for node in ast.walk(module.tree):
                if (
                    isinstance(node, ast.Call)
                    and _name(node.func) == function.name
                    and len(node.args) > place
                ):
                    yield module, node.args[place]

    def _called(self, module: Module, call: ast.Call) -> tuple[set[str], list[tuple[Module, ast.AST]]]:
        """Return the keys that a call names itself, and the expressions that the called function returns."""
        name = _name(call.func)
        include = next((one.value for one in call.keywords if one.arg == "include"), None)
        if include is not None:
            return self._words(module, include), []
        local = [(module, one) for one in module.functions.get(name, ())]
        candidates = local or self._functions.get(name, [])
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            owner = call.func.value.id.capitalize()  # `bill.as_facts()` is a method of `Bill`
            named = [(where, one) for where, one in candidates if where.owner.get(one) == owner]
            candidates = named or candidates
        returned: list[tuple[Module, ast.AST]] = [
            (where, node.value)
            for where, function in candidates
            for node in ast.walk(function)
            if isinstance(node, ast.Return) and node.value is not None
        ]
        return set(), returned or [(module, argument) for argument in call.args]

    def _words(self, module: Module, node: ast.AST) -> set[str]:
        """Return the constants of a tuple or set, directly or through a variable."""
        if isinstance(node, ast.Name):
            _, values = self._assigned(module, node)
            return set[str]().union(*(self._words(where, value) for where, value in values))
        return {
            one.value
            for one in ast.walk(node)
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        }


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


def _alternatives(node: ast.AST) -> list[ast.expr]:
    """Return the parts of an expression, each of which contributes keys."""
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    if isinstance(node, ast.IfExp):
        return [node.body, node.orelse]
    return [node.elt] if isinstance(node, ast.ListComp | ast.GeneratorExp) else []


def _types(node: ast.expr) -> tuple[str, ...]:
    if isinstance(node, ast.Constant):
        return (node.value,) if isinstance(node.value, str) else ()
    return COMPUTED_TYPES.get(ast.unparse(node), ())


def _kit_type(node: ast.Dict) -> str | None:
    """Return the type of an event that the code of a skill sends: a dictionary whose type is log, progress or so."""
    for key, value in zip(node.keys[:1], node.values[:1], strict=True):
        if getattr(key, "value", None) == "type" and isinstance(value, ast.Constant):
            return next((kind for kind in ("log", "progress", "drive_deleted") if kind == value.value), None)
    return None


def _stop_type(node: ast.ClassDef) -> str | None:
    """Return the type that a class names in `event = "…"`: an exception that an agent's run reports as an event."""
    for statement in node.body:
        if isinstance(statement, ast.Assign) and _is_variable(statement.targets[0], "event"):
            value = getattr(statement.value, "value", None)
            return value if isinstance(value, str) else None
    return None


def _stop_fields(node: ast.ClassDef) -> set[str]:
    calls = (one for one in ast.walk(node) if isinstance(one, ast.Call) and _name(one.func) == "__init__")
    return {keyword.arg for call in calls for keyword in call.keywords if keyword.arg}


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
