"""Parse an expression into a syntax tree.

The grammar is the one of the CEL specification without bytes, unsigned integers, messages and types as values.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, cast, get_args

from backend.skills.flows.cel.syntax import (
    MAX_DEPTH,
    Call,
    Constant,
    ExpressionError,
    Has,
    Index,
    ListOf,
    Macro,
    MacroKind,
    MapOf,
    Name,
    Node,
    Select,
    children,
)
from backend.skills.flows.cel.tokens import Token, tokens_of

MAX_INTEGER: Final = (1 << 63) - 1
MAX_CACHED: Final = 2_048
MAX_CACHED_CHARACTERS: Final = 300
"""Longer expressions are parsed each time: a tree takes 100 times the memory of its text, which tenants choose."""
RESERVED: Final = frozenset(
    ("as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let")
) | {"loop", "package", "namespace", "null", "return", "true", "var", "void", "while"}
"""Words that cannot be names of variables."""

_MACROS: Final = frozenset(get_args(MacroKind))
_RELATIONS: Final = frozenset({"<", "<=", ">=", ">", "==", "!=", "in"})
_WORDS: Final = {"true": True, "false": False, "null": None}


def parse(text: str) -> Node:
    """Return the syntax tree of an expression.

    Raises:
        ExpressionError: the text is not a valid expression.
    """
    return _parsed_once(text) if len(text) <= MAX_CACHED_CHARACTERS else _parsed(text)


def _parsed(text: str) -> Node:
    parser = _Parser(tokens_of(text))
    node = parser.expression(0)
    parser.expect_end()
    _check_depth(node)
    return node


_parsed_once: Final = lru_cache(maxsize=MAX_CACHED)(_parsed)


def _check_depth(node: Node) -> None:
    """Reject chains such as `a + b + …`, whose trees are deep although their parsing is not recursive."""
    level, depth = [node], 0
    while level:
        depth += 1
        if depth > 2 * MAX_DEPTH:
            raise ExpressionError("The expression has too many parts in one chain. Split it.", level[0].at)
        level = [inner for one in level for inner in children(one)]


class _Parser:
    """A recursive descent over the tokens of one expression."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._position = 0

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._position += 1
        return token

    def _accept(self, sign: str) -> Token | None:
        token = self._next
        is_word = token.kind == "name" and sign == "in"
        if (token.kind == "sign" or is_word) and token.text == sign:
            return self._take()
        return None

    def _expect(self, sign: str, where: str) -> Token:
        token = self._accept(sign)
        if token is None:
            raise ExpressionError(f"{_shown(self._next)} where {sign!r} is expected {where}.", self._next.at)
        return token

    def expect_end(self) -> None:
        """Reject tokens after the expression."""
        if self._next.kind != "end":
            raise ExpressionError(f"{_shown(self._next)} after the end of the expression.", self._next.at)

    def expression(self, depth: int) -> Node:
        """Parse a conditional expression, the outermost level of the grammar."""
        if depth > MAX_DEPTH:
            raise ExpressionError(f"The expression is nested deeper than {MAX_DEPTH} levels.", self._next.at)
        condition = self._chain("||", depth)
        mark = self._accept("?")
        if mark is None:
            return condition
        then = self._chain("||", depth + 1)
        self._expect(":", "between the two results of '?'")
        return Call("_?_:_", (condition, then, self.expression(depth + 1)), mark.at)

    def _chain(self, sign: str, depth: int) -> Node:
        def inner() -> Node:
            return self._chain("&&", depth) if sign == "||" else self._relation(depth)

        node = inner()
        while (mark := self._accept(sign)) is not None:
            node = Call(f"_{sign}_", (node, inner()), mark.at)
        return node

    def _relation(self, depth: int) -> Node:
        node = self._sum(depth)
        while self._next.text in _RELATIONS and self._next.kind in ("sign", "name"):
            mark = self._take()
            name = "@in" if mark.text == "in" else f"_{mark.text}_"
            node = Call(name, (node, self._sum(depth)), mark.at)
        return node

    def _sum(self, depth: int) -> Node:
        node = self._product(depth)
        while (mark := self._accept("+") or self._accept("-")) is not None:
            node = Call(f"_{mark.text}_", (node, self._product(depth)), mark.at)
        return node

    def _product(self, depth: int) -> Node:
        node = self._unary(depth)
        while (mark := self._accept("*") or self._accept("/") or self._accept("%")) is not None:
            node = Call(f"_{mark.text}_", (node, self._unary(depth)), mark.at)
        return node

    def _unary(self, depth: int) -> Node:
        mark = self._accept("!") or self._accept("-")
        if mark is None:
            return self._member(depth)
        if depth >= MAX_DEPTH:
            raise ExpressionError(f"The expression is nested deeper than {MAX_DEPTH} levels.", mark.at)
        number = self._next
        if mark.text == "-" and number.kind in ("int", "float"):
            return self._member(depth, negative_at=mark.at)
        return Call("!_" if mark.text == "!" else "-_", (self._unary(depth + 1),), mark.at)

    def _member(self, depth: int, negative_at: int | None = None) -> Node:
        node = self._primary(depth, negative_at)
        while True:
            if self._accept("."):
                node = self._after_dot(node, depth)
            elif (mark := self._accept("[")) is not None:
                index = self.expression(depth + 1)
                self._expect("]", "after the index")
                node = Index(node, index, mark.at)
            else:
                return node

    def _after_dot(self, node: Node, depth: int) -> Node:
        name = self._take()
        if name.kind != "name":
            raise ExpressionError(
                f"{_shown(name)} where a name is expected after '.'. "
                'Names with other characters are written as ["my-name"].',
                name.at,
            )
        if self._accept("("):
            arguments = self._arguments(")", depth)
            if name.text in _MACROS:
                return _macro(name, node, arguments)
            return Call(name.text, (node, *arguments), name.at, is_method=True)
        return Select(node, name.text, name.at)

    def _primary(self, depth: int, negative_at: int | None) -> Node:
        token = self._take()
        if token.kind in ("int", "float"):
            return _number(token, negative_at)
        if token.kind == "text":
            return Constant(cast(str, token.value), token.at)
        if token.kind == "name":
            return self._named(token, depth)
        if token.text == "(":
            node = self.expression(depth + 1)
            self._expect(")", "after '('")
            return node
        if token.text == "[":
            return ListOf(self._arguments("]", depth), token.at)
        if token.text == "{":
            return self._map(token, depth)
        raise ExpressionError(f"{_shown(token)} where a value is expected.", token.at)

    def _named(self, token: Token, depth: int) -> Node:
        if token.text in _WORDS:
            return Constant(_WORDS[token.text], token.at)
        if self._accept("("):
            arguments = self._arguments(")", depth)
            return _has(token, arguments) if token.text == "has" else Call(token.text, arguments, token.at)
        if token.text in RESERVED:
            raise ExpressionError(f"{token.text!r} is a reserved word, not a variable.", token.at)
        return Name(token.text, token.at)

    def _arguments(self, closing: str, depth: int) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._accept(closing):
            found.append(self.expression(depth + 1))
            if not self._accept(","):
                self._expect(closing, "or ','")
                break
        return tuple(found)

    def _map(self, opening: Token, depth: int) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self._accept("}"):
            key = self.expression(depth + 1)
            self._expect(":", "after the key of an object")
            entries.append((key, self.expression(depth + 1)))
            if not self._accept(","):
                self._expect("}", "or ','")
                break
        return MapOf(tuple(entries), opening.at)


def _number(token: Token, negative_at: int | None) -> Node:
    value = cast("int | float", token.value)
    at = token.at if negative_at is None else negative_at
    value = value if negative_at is None else -value
    if isinstance(value, int) and not -MAX_INTEGER - 1 <= value <= MAX_INTEGER:
        raise ExpressionError(f"{value} has more than 64 bits.", at)
    return Constant(value, at)


def _has(name: Token, arguments: tuple[Node, ...]) -> Node:
    if len(arguments) != 1 or not isinstance(arguments[0], Select):
        raise ExpressionError("'has' needs one field, as in has(inputs.note).", name.at)
    return Has(arguments[0], name.at)


def _macro(name: Token, source: Node, arguments: tuple[Node, ...]) -> Node:
    counts = (2, 3) if name.text == "map" else (2,)
    if len(arguments) not in counts or not isinstance(arguments[0], Name):
        form = f"list.{name.text}(x, …)"
        raise ExpressionError(f"'{name.text}' needs a variable and an expression, as in {form}.", name.at)
    condition = arguments[1] if len(arguments) == 3 else None
    kind = cast(MacroKind, name.text)
    return Macro(kind, source, arguments[0].name, condition, arguments[-1], name.at)


def _shown(token: Token) -> str:
    return "The expression ends" if token.kind == "end" else f"There is {token.text[:40]!r}"
