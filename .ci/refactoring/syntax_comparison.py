"""Compare the syntax trees of two versions of a file, and record the identifiers in which they differ."""

from __future__ import annotations

import ast
import io
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from import_blocks import ImportBlock, imported_names
from name_mapping import Difference, FileNames, NameMapping

_Item = ast.AST | list[ast.Import | ast.ImportFrom]
_HAS_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(slots=True)
class ChangedString:
    """A string literal that differs; whether a rename explains it is known when all files are compared."""

    file: str
    line: int
    old: str
    new: str
    is_text: bool
    """It is a docstring or a comment."""


@dataclass(slots=True)
class Comparison:
    """What comparing files found, and what is decided when the mapping is complete."""

    differences: list[Difference] = field(default_factory=list)
    imports: list[ImportBlock] = field(default_factory=list)
    strings: list[ChangedString] = field(default_factory=list)


class _Mismatch(Exception):
    """The trees differ in their structure."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line
        self.what = what


@dataclass(slots=True)
class FileComparison:
    """Compares the two versions of one file."""

    names: FileNames
    mapping: NameMapping
    found: Comparison
    packages: tuple[str, str]
    """The packages of the old and of the new file."""
    has_text: bool = True
    """Whether docstrings and comments are compared, too."""
    _line: int = 1

    def run(self, old: str, new: str) -> None:
        """Compare two sources; what differs is added to `found`."""
        try:
            self._node(ast.parse(old), ast.parse(new))
        except _Mismatch as mismatch:
            self.found.differences.append(Difference(self.names.file, mismatch.line, mismatch.what))
        if self.has_text:
            self._comments(old, new)

    def _comments(self, old: str, new: str) -> None:
        before, after = Counter(_comments(old)), Counter(_comments(new))
        gone, come = list((before - after).elements()), list((after - before).elements())
        lines = dict(_lines_of_comments(new))
        for one, other in zip_longest(gone, come, fillvalue=""):
            line = lines.get(other, 1)
            self.found.strings.append(ChangedString(self.names.file, line, one, other, is_text=True))

    def _node(self, old: ast.AST, new: ast.AST) -> None:
        self._line = getattr(new, "lineno", self._line)
        if type(old) is not type(new):
            raise _Mismatch(self._line, f"{_shown(old)} became {_shown(new)}")
        if isinstance(old, ast.stmt) and isinstance(new, ast.stmt) and _is_text(old) and _is_text(new):
            self._text(new.lineno, _text_of(old), _text_of(new))
            return
        if isinstance(old, ast.Constant) and isinstance(new, ast.Constant):
            self._constant(old, new)
            return
        before, after = _dotted(old), _dotted(new)
        if before and after and "." in before and before != after == self.mapping.moves.module(before):
            return
        for name in old._fields:
            self._field(old, name, getattr(old, name), getattr(new, name))

    def _field(self, owner: ast.AST, name: str, old: object, new: object) -> None:
        if isinstance(old, list) and isinstance(new, list):
            if name in ("body", "orelse", "finalbody") and not isinstance(owner, (ast.Lambda, ast.IfExp)):
                self._body(owner, old, new)
            else:
                self._list(owner, old, new)
        elif isinstance(old, ast.AST) and isinstance(new, ast.AST):
            self._node(old, new)
        elif isinstance(old, str) and isinstance(new, str) and name != "type_comment":
            self.names.record(old, new, self._line)
        elif old != new:
            raise _Mismatch(self._line, f"{name} of {type(owner).__name__} changed from {old!r} to {new!r}")

    def _list(self, owner: ast.AST, old: Sequence[object], new: Sequence[object]) -> None:
        if len(old) != len(new):
            what = f"{type(owner).__name__} has {len(new)} parts instead of {len(old)}"
            raise _Mismatch(self._line, what)
        for before, after in zip(old, new, strict=True):
            self._field(owner, "", before, after)

    def _body(self, owner: ast.AST, old: list[ast.stmt], new: list[ast.stmt]) -> None:
        if not self.has_text:
            old, new = ([one for one in body if not _is_text(one)] for body in (old, new))
        elif old and new and _is_text(old[0]) != _is_text(new[0]) and isinstance(owner, _HAS_DOCSTRING):
            self._text(new[0].lineno, _text_of(old[0]), _text_of(new[0]))
            old, new = old[_is_text(old[0]) :], new[_is_text(new[0]) :]
        for before, after in zip_longest(_items(old), _items(new)):
            if isinstance(before, list) and isinstance(after, list):
                olds, news = (
                    imported_names(statements, package)
                    for statements, package in zip((before, after), self.packages, strict=True)
                )
                self.found.imports.append(ImportBlock(self.names, olds, news))
            elif isinstance(before, ast.AST) and isinstance(after, ast.AST):
                self._node(before, after)
            else:
                line = _line_of(after) or self._line
                raise _Mismatch(line, f"{_shown(before)} became {_shown(after)}")

    def _text(self, line: int, old: str, new: str) -> None:
        if old != new:
            self.found.strings.append(ChangedString(self.names.file, line, old, new, is_text=True))

    def _constant(self, old: ast.Constant, new: ast.Constant) -> None:
        if isinstance(old.value, str) and isinstance(new.value, str):
            if old.value != new.value:
                self.found.strings.append(
                    ChangedString(self.names.file, new.lineno, old.value, new.value, is_text=False)
                )
        elif type(old.value) is not type(new.value) or old.value != new.value:
            raise _Mismatch(new.lineno, f"{old.value!r} became {new.value!r}")


def _items(body: Sequence[ast.stmt]) -> Iterator[_Item]:
    block: list[ast.Import | ast.ImportFrom] = []
    for statement in body:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            block.append(statement)
            continue
        if block:
            yield block
            block = []
        yield statement
    if block:
        yield block


def _is_text(statement: ast.AST) -> bool:
    """Return whether a statement is a docstring, of an attribute or of what contains it."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _text_of(statement: ast.stmt) -> str:
    return statement.value.value if _is_text(statement) else ""  # type: ignore[attr-defined]


def _dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = _dotted(node.value)
        return None if base is None else f"{base}.{node.attr}"
    return None


def _line_of(item: _Item | None) -> int | None:
    return getattr(item[0] if isinstance(item, list) else item, "lineno", None)


def _shown(item: _Item | None) -> str:
    if item is None:
        return "nothing"
    if isinstance(item, list):
        return f"'{ast.unparse(item[0])}'"
    text = ast.unparse(item).splitlines() if isinstance(item, (ast.stmt, ast.expr)) else []
    return f"'{text[0][:80]}'" if text else type(item).__name__


def _lines_of_comments(source: str) -> Iterator[tuple[str, int]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string, token.start[0]


def _comments(source: str) -> list[str]:
    return [text for text, _ in _lines_of_comments(source)]
