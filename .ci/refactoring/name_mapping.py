"""Infer a mapping of names from pairs of files, and report where it is not one-to-one or not consistent."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from moves import Moves

_WORD: Final = re.compile(r"[^\W\d]\w*")
_DOTTED: Final = re.compile(r"[^\W\d]\w*(?:[.:][^\W\d]\w*)*")


class Difference(NamedTuple):
    """Something that a rename does not explain."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        """Return the difference as a line of a report."""
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(slots=True)
class FileNames:
    """The identifiers of one file, with the line of their first use."""

    file: str
    changed: dict[tuple[str, str], int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    modules: set[tuple[str, str]] = field(default_factory=set)
    """Changed names that stand for a moved module in this file; its import proves what they mean."""

    def record(self, old: str, new: str, line: int) -> None:
        """Record that an identifier of the old file is another, or the same, in the new file."""
        if old == new:
            self.kept.setdefault(old, line)
        else:
            self.changed.setdefault((old, new), line)


class NameMapping:
    """The names that changed, over all files."""

    def __init__(self, moves: Moves) -> None:
        """Take the moved modules, whose names are known before any file is compared."""
        self.moves: Final = moves
        self.files: Final[list[FileNames]] = []

    def of_file(self, file: str) -> FileNames:
        """Return the names of a new file, which count from then on."""
        names = FileNames(file)
        self.files.append(names)
        return names

    @property
    def names(self) -> dict[str, str]:
        """The renamed identifiers, old to new; the first new name where files disagree."""
        found: dict[str, str] = {}
        for file in self.files:
            for old, new in file.changed:
                found.setdefault(old, new)
        return found

    def words(self, text: str, names: dict[str, str]) -> str:
        """Return a text in which each word that is a renamed identifier has its new name."""
        return _WORD.sub(lambda found: names.get(found.group(), found.group()), self.moves.text(text))

    def is_same_string(self, old: str, new: str, names: dict[str, str]) -> bool:
        """Return whether a string literal differs by nothing but renamed modules, paths and identifiers."""
        moved = self.moves.text(old, lambda _module, name: names.get(name, name))
        if new in (old, moved):
            return True
        is_name = _DOTTED.fullmatch(old) is not None and _DOTTED.fullmatch(new) is not None
        if is_name or (_is_program(old) and _is_program(new)):
            return self.words(old, names) == self.words(new, names)
        return False

    def inconsistencies(self, partial: frozenset[str]) -> Iterator[Difference]:
        """Yield what is not a consistent one-to-one mapping.

        Args:
            partial: names that may keep their old meaning in some places, or join an existing name.
        """
        new_of: dict[str, tuple[str, str]] = {}
        old_of: dict[str, tuple[str, str]] = {}
        for file in self.files:
            for (old, new), line in file.changed.items():
                first, where = new_of.setdefault(old, (new, f"{file.file}:{line}"))
                if first != new and old not in partial:
                    yield Difference(file.file, line, f"{old} became {new}, but {first} at {where}")
                first, where = old_of.setdefault(new, (old, f"{file.file}:{line}"))
                if first != old and new not in partial:
                    yield Difference(file.file, line, f"{old} became {new}, as {first} did at {where}")
                if new in file.kept and new not in partial:
                    yield Difference(
                        file.file, line, f"{old} became {new}, which line {file.kept[new]} already uses"
                    )
        yield from self._partly_renamed(new_of, partial)

    def _partly_renamed(
        self, new_of: dict[str, tuple[str, str]], partial: frozenset[str]
    ) -> Iterator[Difference]:
        everywhere = {
            old for file in self.files for old, new in file.changed if (old, new) not in file.modules
        }
        for file in self.files:
            here = {old for old, _ in file.changed}
            for name, line in file.kept.items():
                if (name in here or name in everywhere) and name not in partial:
                    new, where = new_of[name]
                    yield Difference(file.file, line, f"{name} stays, but became {new} at {where}")


def _is_program(text: str) -> bool:
    """Return whether a string is Python code with an import, as tests pass to `python -c`."""
    if "import" not in text:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return any(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree.body)
