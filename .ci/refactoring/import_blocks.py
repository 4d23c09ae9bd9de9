"""Compare the import statements of two files as sets, whatever their order and however they are split."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from name_mapping import Difference, FileNames, NameMapping


class Imported(NamedTuple):
    """One name that an import statement binds."""

    module: str
    name: str | None
    bound: str
    line: int

    @property
    def target(self) -> str:
        """The dotted name of what is imported."""
        return self.module if self.name is None else f"{self.module}.{self.name}"

    def __str__(self) -> str:
        """Return the import as a statement."""
        alias = f" as {self.bound}" if self.bound not in (self.target.rpartition(".")[2], self.target) else ""
        return (
            f"import {self.module}{alias}"
            if self.name is None
            else f"from {self.module} import {self.name}{alias}"
        )


@dataclass(slots=True)
class ImportBlock:
    """The statements of one block of imports that are not yet explained by the mapping."""

    names: FileNames
    old: list[Imported]
    new: list[Imported]


def imported_names(statements: Iterable[ast.Import | ast.ImportFrom], package: str) -> list[Imported]:
    """Return what import statements bind.

    Args:
        statements: one block of import statements.
        package: the dotted name of the package of the file, from which relative imports start.
    """
    found: list[Imported] = []
    for statement in statements:
        line = statement.lineno
        if isinstance(statement, ast.Import):
            found += [Imported(one.name, None, one.asname or one.name, line) for one in statement.names]
        else:
            module = absolute_module(statement.module, statement.level, package)
            found += [Imported(module, one.name, one.asname or one.name, line) for one in statement.names]
    return found


def absolute_module(module: str | None, level: int, package: str) -> str:
    """Return the dotted name that an import statement of a package means."""
    if level == 0:
        return module or ""
    parts = package.split(".")
    base = parts[: len(parts) - level + 1]
    return ".".join([*base, module] if module else base)


def explain(blocks: Sequence[ImportBlock], mapping: NameMapping) -> list[Difference]:
    """Pair old and new imports, add the names that this renames to the mapping, and return what stays unpaired."""
    for is_guess_allowed in (False, True, False):
        known = mapping.names
        for block in blocks:
            _pair(block, known, mapping)
            if is_guess_allowed:
                _guess(block, mapping)
    for block in blocks:
        _pair(block, {}, mapping)
    differences: list[Difference] = []
    for block in blocks:
        file = block.names.file
        differences += [Difference(file, one.line, f"'{one}' is gone") for one in block.old]
        differences += [Difference(file, one.line, f"'{one}' is new") for one in block.new]
    return differences


def _renamed(one: Imported, known: Mapping[str, str], mapping: NameMapping) -> str:
    if one.name is None or one.target in mapping.moves.modules:
        return mapping.moves.module(one.target)
    return f"{mapping.moves.module(one.module)}.{known.get(one.name, one.name)}"


def _pair(block: ImportBlock, known: Mapping[str, str], mapping: NameMapping) -> None:
    for old in list(block.old):
        wanted = _renamed(old, known, mapping)
        found = [new for new in block.new if new.target == wanted]
        if found:
            same = [new for new in found if new.bound == old.bound]
            _accept(block, old, (same or found)[0], mapping)


def _guess(block: ImportBlock, mapping: NameMapping) -> None:
    """Pair imports from one module where exactly one old and one new name are left."""
    for old in list(block.old):
        if old.name is None:
            continue
        module = mapping.moves.module(old.module)
        olds = [one for one in block.old if one.name and mapping.moves.module(one.module) == module]
        news = [one for one in block.new if one.name and one.module == module]
        if len(olds) == len(news) == 1:
            _accept(block, old, news[0], mapping)


def _accept(block: ImportBlock, old: Imported, new: Imported, mapping: NameMapping) -> None:
    block.old.remove(old)
    block.new.remove(new)
    is_module = old.target in mapping.moves.modules
    if old.name and new.name and not is_module:
        block.names.record(old.name, new.name, new.line)
    # `import backend.warm` binds `backend`: the rest of its name is a module's.
    if "." not in old.bound and "." not in new.bound:
        block.names.record(old.bound, new.bound, new.line)
        if is_module and old.bound != new.bound:
            block.names.modules.add((old.bound, new.bound))
