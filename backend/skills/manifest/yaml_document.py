"""Parse untrusted YAML as plain JSON data, with the position of each value.

Keys are always strings (`on:` is `on`), all values have JSON types, duplicate keys are errors, and anchors
cannot expand a document beyond a maximum size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import yaml

from backend.core.errors import Problem
from backend.skills.schemas.messages import Path

MAX_DOCUMENT_BYTES = 512 << 10
MAX_DEPTH = 64
MAX_NODES = 50_000  # after anchors are expanded
MAX_DIGITS = 300

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_AS_TEXT = {_TAG + "str", _TAG + "timestamp"}
_CONSTRUCT = {
    _TAG + "null": yaml.SafeLoader.construct_yaml_null,
    _TAG + "bool": yaml.SafeLoader.construct_yaml_bool,
    _TAG + "int": yaml.SafeLoader.construct_yaml_int,
    _TAG + "float": yaml.SafeLoader.construct_yaml_float,
}


class Place(NamedTuple):
    """A point in a file, counted from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """A YAML file as JSON data; `value` contains what could be parsed, even if there are problems."""

    file: str
    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    key_places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def problem(self, path: Path, message: str, *, at_key: bool = False) -> Problem:
        """Return a problem at a path, or at its nearest parent with a position."""
        found: Place | None = None
        first, second = (self.key_places, self.places) if at_key else (self.places, self.key_places)
        for length in range(len(path), -1, -1):
            found = first.get(path[:length]) or second.get(path[:length])
            if found:
                break
        line, column = found or (None, None)
        return Problem(self.file, message, line, column, path)


def read_document(file: str, content: bytes, *, first_line: int = 1) -> Document:
    """Parse one YAML document; problems are returned, not raised."""
    document = Document(file)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + first_line
        document.problems.append(
            Problem(file, "The file is not UTF-8 at this position. Save it as UTF-8.", line)
        )
        return document
    try:
        _check_events(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        document.problems.append(_syntax_problem(file, error, first_line))
        return document
    if node is not None:
        document.value = _Reading(document, first_line).value_of(node, ())
    return document


def is_storable(text: str) -> bool:
    """Return whether the database can store the text."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= one <= "\udfff" for one in text))


def _check_events(text: str) -> None:
    """Check depth and size without recursion, before a tree is built."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or count > 2 * MAX_NODES:
            raise _TooMuch(event.start_mark)


_UNCLOSED: Final = "found unexpected end of stream"


class _TooMuch(yaml.YAMLError):
    """The document exceeds its maximum size."""

    def __init__(self, mark: Any) -> None:
        super().__init__()
        self.problem_mark = mark


def _syntax_problem(file: str, error: yaml.YAMLError, first_line: int) -> Problem:
    mark = getattr(error, "problem_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    if said == _UNCLOSED:  # the text that was not closed starts where the error must be fixed
        mark = getattr(error, "context_mark", None) or mark
    place = Place(mark.line + first_line, mark.column + 1) if mark else (None, None)
    if isinstance(error, _TooMuch):
        limits = f"{MAX_DEPTH} levels or has more than {MAX_NODES:,} values"
        return Problem(file, f"The file is nested deeper than {limits}. Shorten it.", *place)
    context = getattr(error, "context", None)
    context = f" ({context})" if context else ""
    return Problem(
        file, f"This is not valid YAML: {said}{context}. Check indentation, quotes and colons.", *place
    )


class _Reading:
    """One traversal of a tree of nodes."""

    def __init__(self, document: Document, first_line: int) -> None:
        self._document = document
        self._first_line = first_line
        self._left = MAX_NODES
        self._open: set[int] = set()
        self._endless = False
        self._scalars = yaml.SafeLoader("")

    def value_of(self, node: yaml.Node, path: Path) -> Any:
        self._document.places.setdefault(path, self._place(node))
        self._left -= 1
        if self._left < 0 or len(path) > MAX_DEPTH or id(node) in self._open:
            self._refuse_anchors(path)
            return None
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value_of(item, (*path, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not is_storable(key.value):
                self._refuse(path, "A key must be a plain word, not a list or a mapping.")
            elif key.tag == _TAG + "merge":
                for part in self._merge_parts(value, path):
                    merged = {**part, **merged}
            elif key.value in result:
                twice = f"The key {key.value[:80]!r} occurs twice. Remove one of them."
                self._document.problems.append(Problem(self._document.file, twice, *self._place(key)))
            else:
                inner = (*path, key.value)
                self._document.key_places[inner] = self._place(key)
                result[key.value] = self.value_of(value, inner)
        return {**merged, **result}

    def _merge_parts(self, node: yaml.Node, path: Path) -> Iterator[dict[str, Any]]:
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [node]
        for part in nodes:
            if isinstance(part, yaml.MappingNode):
                value = self.value_of(part, path)
                yield value if isinstance(value, dict) else {}
            else:
                self._refuse(path, "'<<' requires a mapping or a list of mappings.")

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> Any:
        if not is_storable(node.value):
            self._refuse(
                path, "The text contains a NUL or an unpaired surrogate, which cannot be stored. Remove it."
            )
            return None
        if node.tag in _AS_TEXT:
            return node.value
        construct = _CONSTRUCT.get(node.tag)
        if construct is None:
            self._refuse(
                path, f"The tag {node.tag!r} is not supported. Write text, numbers, true, false or null."
            )
            return None
        if node.tag == _TAG + "int" and ":" in node.value:  # YAML 1.1 reads 12:30 as 750
            return node.value
        try:
            value = construct(self._scalars, node) if len(node.value) <= MAX_DIGITS else math.inf
        except (ValueError, KeyError, yaml.YAMLError):
            return node.value
        if isinstance(value, float) and not math.isfinite(value):
            self._refuse(
                path, f"{node.value[:40]!r} is not a number in JSON. Write a finite one, or quote it."
            )
            return None
        return value

    def _refuse_anchors(self, path: Path) -> None:
        if not self._endless:
            self._refuse(
                path,
                "Anchors (&, *) make the document infinite or too large. Write the values without anchors.",
            )
        self._endless = True

    def _refuse(self, path: Path, message: str) -> None:
        problem = self._document.problem(path, message)
        if problem not in self._document.problems and len(self._document.problems) < 20:
            self._document.problems.append(problem)

    def _place(self, node: yaml.Node) -> Place:
        return Place(node.start_mark.line + self._first_line, node.start_mark.column + 1)
