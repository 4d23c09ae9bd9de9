"""Find names, packages and secrets that a skill has in the kernel, but not in its files."""

from __future__ import annotations

import ast
import builtins
import os
import re
import symtable
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import packages_distributions
from typing import Any, Final, NamedTuple

from puras.notebook.cells import MODULE, CellSkill

__all__ = ["Finding", "findings"]

_IMPLICIT: Final = frozenset(
    {
        "__name__",
        "__file__",
        "__doc__",
        "__spec__",
        "__loader__",
        "__package__",
        "__builtins__",
        "__annotations__",
    }
)
_OF_NOTEBOOKS: Final = frozenset({"get_ipython", "display", "In", "Out", "_", "__", "___", "exit", "quit"})
_LEAST_SECRET_CHARACTERS: Final = 8
_SECRET_NAME: Final = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL)S?$", re.IGNORECASE)
_SECRETS: Final = (
    (re.compile(r"puras_live_[0-9A-Za-z]{8}\.[0-9A-Za-z]{16,}"), "a key of this project"),
    (re.compile(r"sk-[A-Za-z0-9_-]{20,}"), "a key of a model provider"),
    (re.compile(r"\bAKIA[0-9A-Z]{16}\b"), "a key of AWS"),
    (re.compile(r"\b(?:ghp|gho|ghs)_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}"), "a token of GitHub"),
    (re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}"), "a token of Slack"),
    (re.compile(r"\bAIza[0-9A-Za-z_-]{30,}"), "a key of Google"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"), "a private key"),
    (re.compile(r"://[^/\s:@{}$]+:[^/\s:@{}$]{4,}@"), "a URL with a password"),
    (re.compile(r"\bBearer\s+[A-Za-z0-9._~+/-]{20,}"), "a bearer token"),
    (
        re.compile(
            r"(?i)\b\w*(?:api_?key|token|secret|passw(?:or)?d)\w*\s*[:=]\s*[\"'][^\"'\s{}$]{12,}[\"']"
        ),
        "a value that looks like a password",
    ),
)


class Finding(NamedTuple):
    """A problem of a cell that makes its skill fail outside of this kernel."""

    kind: str
    """`undefined`, `captured`, `notebook`, `import` or `secret`."""
    file: str
    line: int
    message: str


def findings(skill: CellSkill, files: Mapping[str, str], namespace: Mapping[str, Any]) -> list[Finding]:
    """Return all problems that the text of the files shows.

    Args:
        skill: The skill.
        files: The contents of its files by path.
        namespace: The variables of the kernel.
    """
    found: list[Finding] = []
    own = {path.partition("/")[0].removesuffix(".py") for path in files}
    for path, text in files.items():
        found += _secrets(path, text)
        if path.endswith(".py"):
            found += _names(path, text, namespace)
            found += _imports(path, text, skill, own)
    return sorted(found, key=lambda one: (one.file != MODULE, one.file, one.line))


def _names(path: str, text: str, namespace: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield names that the file uses and does not define."""
    try:
        tree, table = ast.parse(text), symtable.symtable(text, path, "exec")
    except SyntaxError as error:
        yield Finding("notebook", path, error.lineno or 1, f"This is not valid Python: {error.msg}.")
        return
    defined, used = _defined(table), _used(table)
    lines = _first_uses(tree)
    for name in sorted(used - defined - _IMPLICIT - set(dir(builtins))):
        line = lines.get(name, 1)
        if name in _OF_NOTEBOOKS:
            yield Finding(
                "notebook", path, line, f"{name!r} exists only in notebooks. Remove it from the skill."
            )
        elif name in namespace:
            kind = type(namespace[name]).__name__
            yield Finding(
                "captured",
                path,
                line,
                f"{name!r} (a {kind}) exists only in this kernel. Define or import it in the cell, or make it an "
                "input.",
            )
        else:
            yield Finding(
                "undefined", path, line, f"{name!r} is not defined. Define or import it in the cell."
            )
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and any(one.name == "*" for one in node.names):
            yield Finding(
                "undefined",
                path,
                node.lineno,
                "Import each name explicitly: the check cannot read the names of `*`.",
            )


def _defined(table: symtable.SymbolTable) -> set[str]:
    """Return the names of the module that are assigned anywhere in it."""
    names = {one.get_name() for one in table.get_symbols() if one.is_assigned() or one.is_imported()}
    names |= {one.get_name() for one in table.get_symbols() if one.is_namespace()}
    for inner in _below(table):
        names |= {
            one.get_name() for one in inner.get_symbols() if one.is_declared_global() and one.is_assigned()
        }
    return names


def _used(table: symtable.SymbolTable) -> set[str]:
    """Return the names that are read from the module or from builtins."""
    names = {one.get_name() for one in table.get_symbols() if one.is_referenced()}
    for inner in _below(table):
        names |= {one.get_name() for one in inner.get_symbols() if one.is_referenced() and one.is_global()}
    return names


def _below(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _below(child)


def _first_uses(tree: ast.Module) -> dict[str, int]:
    lines: dict[str, int] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            lines[node.id] = min(node.lineno, lines.get(node.id, node.lineno))
    return lines


def _imports(path: str, text: str, skill: CellSkill, own: set[str]) -> Iterator[Finding]:
    """Yield imports of packages that the skill does not require."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    required = {_normal(re.split(r"[\s\[<>=!~;]", one, maxsplit=1)[0]) for one in skill.requires}
    for node in ast.walk(tree):
        for root in _roots(node):
            if root in sys.stdlib_module_names or root in own or root == "puras":
                continue
            distributions = packages_distributions().get(root) or [root]
            if required.isdisjoint(map(_normal, distributions)):
                yield Finding(
                    "import",
                    path,
                    getattr(node, "lineno", 1),
                    f"The skill does not require the package of {root!r}. Add it: %%skill {skill.name} --requires "
                    f'"{distributions[0]}".',
                )


def _roots(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [one.name.partition(".")[0] for one in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.partition(".")[0]]
    return []


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _secrets(path: str, text: str) -> Iterator[Finding]:
    """Yield the lines that contain a secret, without the secret itself."""
    for number, line in enumerate(text.splitlines(), start=1):
        what = next((what for pattern, what in _SECRETS if pattern.search(line)), None) or _of_environment(
            line
        )
        if what:
            yield Finding(
                "secret",
                path,
                number,
                f"This line contains {what}. Store it as a secret of the project and read it with puras.secret(NAME).",
            )


def _of_environment(line: str) -> str | None:
    for name, value in os.environ.items():
        if len(value) >= _LEAST_SECRET_CHARACTERS and _SECRET_NAME.search(name) and value in line:
            return f"the value of {name}"
    return None
