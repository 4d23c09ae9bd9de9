"""Make mutations of a source: small changes of its behavior that tests should notice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Final, NamedTuple

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}


class Mutation(NamedTuple):
    """A replacement of a part of a source, by offsets in its bytes."""

    kind: str
    line: int
    start: int
    end: int
    replacement: str

    def apply(self, source: str) -> str:
        """Return the source with this mutation."""
        content = source.encode()
        return (content[: self.start] + self.replacement.encode() + content[self.end :]).decode()


def find_mutations(source: str) -> list[Mutation]:
    """Return every mutation of the functions of a source, in the order of their location."""
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    found: set[Mutation] = set()
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            # Decorators and defaults run when the module is imported; annotations never.
            for statement in function.body:
                for node in ast.walk(statement):
                    found.update(_of_node(node, starts))
    return sorted(found, key=lambda mutation: mutation[1:])


def _of_node(node: ast.AST, starts: list[int]) -> Iterator[Mutation]:
    for kind, replacement in _replacements(node):
        assert isinstance(node, (ast.expr, ast.stmt))  # noqa: S101, narrows the type: the others have no location
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        yield Mutation(kind, node.lineno, start, end, replacement)


def _replacements(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Compare):
        yield from _comparisons(node)
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield "boolean operator", f"({ast.unparse(ast.BoolOp(other, node.values))})"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "removed not", f"({ast.unparse(node.operand)})"
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield "constant + 1", f"({node.value!r} + 1)"
        yield "constant - 1", f"({node.value!r} - 1)"
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "return None", "return None"
    elif isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await)):
        yield "removed call", "pass"


def _comparisons(node: ast.Compare) -> Iterator[tuple[str, str]]:
    for position, operator in enumerate(node.ops):
        operators = list(node.ops)
        operators[position] = _COMPARISONS[type(operator)]()
        yield "comparison", f"({ast.unparse(ast.Compare(node.left, operators, node.comparators))})"


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
