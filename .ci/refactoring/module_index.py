"""Index the modules of the repository: which exist, and under which modules a renamed name is exported again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from import_blocks import absolute_module
from moves import Moves
from rename_plan import PlanError
from repository import module_name

_ALWAYS_BOUND: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, slots=True)
class ModuleIndex:
    """What rewriting one file needs to know of all others."""

    modules: frozenset[str]
    names: Mapping[tuple[str, str], str]
    """Old module and old name to new name, with the modules that import the name and export it again."""
    moves: Moves
    words: re.Pattern[str]
    """Matches a source that may mention something that changes."""

    def rename_name(self, module: str, name: str) -> str:
        """Return the new name of a module's name."""
        return self.names.get((module, name), name)

    def new_target(self, module: str, name: str) -> tuple[str, str]:
        """Return the module and the name under which a name of a module is imported after the change."""
        target = f"{module}.{name}"
        if target in self.modules and (module, name) not in self.names:
            parent, _, last = self.moves.module(target).rpartition(".")
            return parent, last
        return self.moves.module(module), self.rename_name(module, name)

    def is_affected(self, path: str, new_path: str, source: str) -> bool:
        """Return whether a source changes; parsing it with libcst takes 30 times as long as this."""
        if not self.words.search(source) and path == new_path:
            return False
        name = module_name(path)
        if any(module == name for module, _ in self.names):
            return True
        if self.moves.text(source, self.rename_name) != source:
            return True
        tree = ast.parse(source)
        package = package_of(path)
        return needs_scopes(tree, path, self) or any(
            (statement.level and path != new_path)
            or any(self._is_moved(statement, alias, package) for alias in statement.names)
            for statement in ast.walk(tree)
            if isinstance(statement, ast.ImportFrom)
        )

    def _is_moved(self, statement: ast.ImportFrom, alias: ast.alias, package: str) -> bool:
        old = absolute_module(statement.module, statement.level, package), alias.name
        return self.new_target(*old) != old


def package_of(path: str) -> str:
    """Return the dotted name of the package from which relative imports of a file start."""
    name = module_name(path)
    return name if path.endswith("/__init__.py") else name.rpartition(".")[0]


def needs_scopes(tree: ast.Module, path: str, index: ModuleIndex) -> bool:
    """Return whether more than the imports and the text of a source changes.

    That is so where it defines a renamed name, binds another name by an import, or uses a module that it imports
    whole and whose names or submodules change.
    """
    modules = {module for module, _ in index.names}
    if module_name(path) in modules:
        return True
    package = package_of(path)
    whole = [name.rpartition(".")[0] for name in index.moves.modules] + list(modules)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            roots = {alias.name.partition(".")[0] for alias in node.names}
            if any(name.partition(".")[0] in roots for name in whole):
                return True
        elif isinstance(node, ast.ImportFrom):
            module = absolute_module(node.module, node.level, package)
            for alias in node.names:
                is_same_name = index.new_target(module, alias.name)[1] == alias.name
                if (
                    not is_same_name and alias.asname in (None, alias.name)
                ) or f"{module}.{alias.name}" in whole:
                    return True
    return False


def build_index(
    sources: Mapping[str, str], moved: Mapping[str, str], names: Mapping[tuple[str, str], str]
) -> ModuleIndex:
    """Index Python sources, by path.

    Args:
        sources: every Python file, before anything moves.
        moved: files and folders, old path to new path.
        names: the top-level names that the plan renames.

    Raises:
        PlanError: a module of a renamed name does not exist or does not define it, or has the new name already.
    """
    path_of = {module_name(path): path for path in sources}
    for (module, old), new in names.items():
        if module not in path_of:
            raise PlanError(f"The module {module} does not exist, so {old} cannot be renamed in it.")
        bound = top_level_names(ast.parse(sources[path_of[module]]))
        if old not in bound:
            raise PlanError(f"{module} does not define {old}.")
        if new in identifiers(ast.parse(sources[path_of[module]])):
            raise PlanError(f"{module} already uses the name {new}; {old} cannot get it.")
    all_names = _with_exports(sources, names)
    moves = Moves(moved, frozenset(module for module, _ in all_names))
    words = {old for _, old in all_names} | {name.rpartition(".")[2] for name in moves.modules}
    words |= {path.rpartition("/")[2] for path in moves.paths}
    pattern = re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, words)))})\b" if words else r"(?!)")
    return ModuleIndex(frozenset(path_of), all_names, moves, pattern)


def _with_exports(
    sources: Mapping[str, str], names: Mapping[tuple[str, str], str]
) -> dict[tuple[str, str], str]:
    found = dict(names)
    olds = {old for _, old in names}
    candidates: dict[str, list[ast.ImportFrom]] = {}
    taken: dict[str, set[str]] = {}
    for path, source in sources.items():
        if any(old in source for old in olds):
            tree = ast.parse(source)
            candidates[path] = [node for node in _top_level(tree) if isinstance(node, ast.ImportFrom)]
            taken[path] = identifiers(tree)
    is_complete = False
    while not is_complete:
        before = len(found)
        for path, statements in candidates.items():
            for statement in statements:
                module = absolute_module(statement.module, statement.level, package_of(path))
                for alias in statement.names:
                    new = found.get((module, alias.name))
                    # Where the new name is taken, the import keeps the old one as an alias.
                    if new and alias.asname in (None, alias.name) and new not in taken[path]:
                        found[module_name(path), alias.name] = new
        is_complete = len(found) == before
    return found


def _top_level(tree: ast.Module) -> Iterable[ast.stmt]:
    """Yield the statements that run when a module is imported, those inside of `if` and `try` included."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        statement = waiting.pop()
        yield statement
        if not isinstance(statement, _ALWAYS_BOUND):
            for _, value in ast.iter_fields(statement):
                if isinstance(value, list):
                    for part in value:
                        inner = part.body if isinstance(part, (ast.ExceptHandler, ast.match_case)) else [part]
                        waiting += [one for one in inner if isinstance(one, ast.stmt)]


def top_level_names(tree: ast.Module) -> set[str]:
    """Return the names that a module defines itself, without those that it imports."""
    found: set[str] = set()
    for statement in _top_level(tree):
        if isinstance(statement, _ALWAYS_BOUND):
            found.add(statement.name)
        elif not isinstance(statement, (ast.Import, ast.ImportFrom)):
            # An `if` or `with` also contains names; its inner statements are yielded on their own.
            found |= {
                node.id
                for node in ast.walk(statement)
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
            }
    return found


def identifiers(tree: ast.Module) -> set[str]:
    """Return every name that a source binds or reads; attributes and keywords are not names."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, _ALWAYS_BOUND):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name.partition(".")[0])
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            found.add(node.name)
    return found
