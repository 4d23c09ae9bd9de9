"""Find what a source's names stand for: modules, and top-level names of modules, by the scopes of libcst."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import libcst as cst
from libcst.metadata import Access, Assignment, BaseAssignment, GlobalScope, ImportAssignment, Scope
from module_index import ModuleIndex


@dataclass(slots=True)
class Bindings:
    """The changes that scopes ask for; nodes are known by their `id`."""

    renamed: dict[int, str] = field(default_factory=dict)
    """Names that get another value."""
    modules: dict[int, str] = field(default_factory=dict)
    """Names that stand for a module, with its old dotted name."""
    local_names: dict[int, str] = field(default_factory=dict)
    """Aliases of `from x import a`, with the new name that they bind."""
    words: dict[str, str] = field(default_factory=dict)
    """Names of this file that comments and docstrings may mention."""
    notes: list[str] = field(default_factory=list)


class ImportTargets:
    """The dotted names that the import statements of one file mean."""

    def __init__(self, index: ModuleIndex, package: str) -> None:
        """Take the package from which relative imports start."""
        self.index: Final = index
        self._package: Final = package

    def module_of(self, statement: cst.ImportFrom) -> str:
        """Return the absolute name of the module from which a statement imports."""
        module = dotted(statement.module) if statement.module is not None else None
        level = len(statement.relative)
        if level == 0:
            return module or ""
        parts = self._package.split(".")
        base = parts[: len(parts) - level + 1]
        return ".".join([*base, module] if module else base)


def dotted(node: cst.CSTNode) -> str:
    """Return the text of a name or of attributes of a name.

    Raises:
        TypeError: the node is something else.
    """
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        return f"{dotted(node.value)}.{node.attr.value}"
    raise TypeError(f"{type(node).__name__} is not a dotted name.")


def is_dotted(node: cst.CSTNode) -> bool:
    """Return whether a node is a name or attributes of a name."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name)


def find_bindings(
    scopes: Iterable[Scope | None],
    targets: ImportTargets,
    index: ModuleIndex,
    module: str,
    taken: set[str],
) -> Bindings:
    """Resolve the names of one file.

    Args:
        scopes: the scopes of the file.
        targets: what its import statements mean.
        index: the modules of the repository.
        module: the old dotted name of the file.
        taken: the identifiers of the file; an import does not take one of these as its new name.
    """
    finder = _Finder(targets, index, module, taken)
    for scope in {id(scope): scope for scope in scopes if scope is not None}.values():
        finder.add(scope)
    return finder.found


@dataclass(slots=True)
class _Finder:
    targets: ImportTargets
    index: ModuleIndex
    module: str
    taken: set[str]
    found: Bindings = field(default_factory=Bindings)

    def add(self, scope: Scope) -> None:
        for name in {assignment.name for assignment in scope.assignments}:
            assignments = [one for one in scope.assignments if one.name == name]
            imports = [one for one in assignments if isinstance(one, ImportAssignment)]
            if imports:
                self._add_imports(name, imports, is_also_assigned=len(imports) < len(assignments))
            elif isinstance(scope, GlobalScope) and (self.module, name) in self.index.names:
                new = self.index.names[self.module, name]
                self.found.words[name] = new
                for assignment in assignments:
                    _rename(assignment, new, self.found)

    def _add_imports(self, name: str, imports: list[ImportAssignment], *, is_also_assigned: bool) -> None:
        for assignment in imports:
            module = _bound_target(assignment, self.targets)
            if module in self.index.modules:
                self.found.modules.update({id(node): module for node in _references(assignment)})
        wanted = {_new_name(name, assignment, self.targets) for assignment in imports}
        new = wanted.pop() if len(wanted) == 1 else None
        if new is None or new == name:
            return
        if is_also_assigned or new in self.taken:
            self.found.notes.append(f"{name} stays as an alias: {new} is taken, or {name} is assigned, too")
            return
        self.found.words[name] = new
        for assignment in imports:
            self.found.local_names.update({id(alias): new for alias in _aliases(assignment, name)})
            self.found.renamed.update({id(node): new for node in _references(assignment)})


def _aliases(assignment: ImportAssignment, name: str) -> Iterator[cst.ImportAlias]:
    statement = assignment.node
    if isinstance(statement, cst.ImportFrom) and not isinstance(statement.names, cst.ImportStar):
        yield from (
            alias for alias in statement.names if (alias.evaluated_alias or alias.evaluated_name) == name
        )


def _new_name(name: str, assignment: ImportAssignment, targets: ImportTargets) -> str | None:
    """Return the name that `from x import a` binds after the change; None where it has an alias."""
    statement = assignment.node
    if isinstance(statement, cst.ImportFrom):
        for alias in _aliases(assignment, name):
            if alias.asname is None or alias.evaluated_alias == alias.evaluated_name:
                return targets.index.new_target(targets.module_of(statement), alias.evaluated_name)[1]
    return None


def _bound_target(assignment: ImportAssignment, targets: ImportTargets) -> str:
    """Return the dotted name of what an import binds."""
    statement, name = assignment.node, assignment.name
    if isinstance(statement, cst.ImportFrom):
        module = targets.module_of(statement)
        return "".join(f"{module}.{alias.evaluated_name}" for alias in _aliases(assignment, name))
    for alias in statement.names if isinstance(statement, cst.Import) else ():
        if alias.evaluated_alias == name:
            return alias.evaluated_name
    return name.partition(".")[0]


def _references(assignment: BaseAssignment) -> Iterator[cst.Name]:
    for access in assignment.references:
        yield from _names_of(access)


def _names_of(access: Access) -> Iterator[cst.Name]:
    node: cst.CSTNode = access.node
    while isinstance(node, cst.Attribute):
        node = node.value
    if isinstance(node, cst.Name):
        yield node


def _rename(assignment: BaseAssignment, new: str, found: Bindings) -> None:
    if isinstance(assignment, Assignment):
        node = assignment.node
        if isinstance(node, (cst.FunctionDef, cst.ClassDef)):
            node = node.name
        for name in (node, *_references(assignment)):
            found.renamed[id(name)] = new


def qualified(node: cst.CSTNode, modules: Mapping[int, str]) -> str | None:
    """Return the dotted name that a name or attribute means, where it starts with an imported module."""
    if isinstance(node, cst.Name):
        return modules.get(id(node))
    if isinstance(node, cst.Attribute):
        base = qualified(node.value, modules)
        return None if base is None else f"{base}.{node.attr.value}"
    return None
