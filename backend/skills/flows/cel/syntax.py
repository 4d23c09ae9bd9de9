"""Define the syntax tree of an expression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

MAX_CHARACTERS: Final = 4_000
"""Maximum length of one expression."""
MAX_DEPTH: Final = 32
"""Maximum nesting of one expression. It bounds the recursion of parser, checker and evaluation."""

MacroKind = Literal["all", "exists", "exists_one", "map", "filter"]


class ExpressionError(ValueError):
    """The expression cannot be used.

    Attributes:
        message: What is wrong, and how to fix it.
        at: Offset of the wrong part in the text.
    """

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


@dataclass(frozen=True, slots=True)
class Constant:
    """A literal."""

    value: bool | int | float | str | None
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A variable."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Select:
    """A field of an object: `operand.field`."""

    operand: Node
    field: str
    at: int


@dataclass(frozen=True, slots=True)
class Has:
    """Whether a field is present: `has(operand.field)`."""

    target: Select
    at: int


@dataclass(frozen=True, slots=True)
class Index:
    """An element of a list, or a field of an object: `operand[index]`."""

    operand: Node
    index: Node
    at: int


@dataclass(frozen=True, slots=True)
class Call:
    """A function, a method (its target is the first argument), or an operator such as `_+_`."""

    function: str
    arguments: tuple[Node, ...]
    at: int
    is_method: bool = False


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list: `[a, b]`."""

    items: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class MapOf:
    """An object: `{"a": 1}`."""

    entries: tuple[tuple[Node, Node], ...]
    at: int


@dataclass(frozen=True, slots=True)
class Macro:
    """A loop over the elements of a list or the keys of an object: `list.map(x, x + 1)`."""

    kind: MacroKind
    source: Node
    variable: str
    condition: Node | None
    """The condition of `list.map(x, condition, result)`."""
    body: Node
    at: int


Node: TypeAlias = Constant | Name | Select | Has | Index | Call | ListOf | MapOf | Macro


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct parts of a node."""
    return _CHILDREN[type(node)](node)


_CHILDREN: Final[dict[type, Callable[[Any], tuple[Node, ...]]]] = {
    Constant: lambda node: (),
    Name: lambda node: (),
    Select: lambda node: (node.operand,),
    Has: lambda node: (node.target.operand,),
    Index: lambda node: (node.operand, node.index),
    Call: lambda node: node.arguments,
    ListOf: lambda node: node.items,
    MapOf: lambda node: tuple(one for entry in node.entries for one in entry),
    Macro: lambda node: (
        node.source,
        *((node.condition,) if node.condition is not None else ()),
        node.body,
    ),
}
