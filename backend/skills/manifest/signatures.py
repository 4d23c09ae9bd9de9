"""Describe the functions of a Python file, with schemas from their annotations, without executing it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any, Final, NamedTuple

from backend.skills.manifest.functions import MAX_SOURCE_BYTES
from backend.skills.schemas.schema_dialect import Schema

MAX_FUNCTIONS: Final = 200
_MAX_CHARACTERS: Final = 500
_TYPES: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_LISTS: Final = frozenset({"list", "List", "Sequence", "tuple", "set"})
_OPTIONAL: Final = frozenset({"Optional"})
_ANNOTATED: Final = frozenset({"Annotated", "Final", "Required", "NotRequired"})
_AnyFunction = ast.FunctionDef | ast.AsyncFunctionDef


class Signature(NamedTuple):
    """A function at the top level of a file."""

    name: str
    line: int
    signature: str
    """`count(text: str, unit: str = 'word') -> dict`."""
    description: str
    """First paragraph of its docstring."""
    input_schema: Schema
    output_schema: Schema


def signatures(content: bytes) -> list[Signature]:
    """Return the public functions of a Python file; none if it cannot be parsed, which the validation reports."""
    if len(content) > MAX_SOURCE_BYTES:
        return []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the author's code
            tree = ast.parse(content)
            return [_signature(one) for one in islice(_functions(tree), MAX_FUNCTIONS)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _functions(tree: ast.Module) -> Iterator[_AnyFunction]:
    for statement in tree.body:
        if isinstance(statement, _AnyFunction) and not statement.name.startswith("_"):
            yield statement


def _signature(function: _AnyFunction) -> Signature:
    returned = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    text = f"{function.name}({ast.unparse(function.args)}){returned}"
    description = (ast.get_docstring(function) or "").strip().partition("\n\n")[0]
    return Signature(
        function.name,
        function.lineno,
        text[:_MAX_CHARACTERS],
        " ".join(description.split())[:_MAX_CHARACTERS],
        _input_schema(function.args),
        _output_schema(function.returns),
    )


def _input_schema(arguments: ast.arguments) -> Schema:
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [
        *([None] * (len(plain) - len(arguments.defaults))),
        *arguments.defaults,
    ]
    pairs = [
        *zip(plain, defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    properties = {
        argument.arg: _with_default(_schema(argument.annotation), default) for argument, default in pairs
    }
    needed = [argument.arg for argument, default in pairs if default is None]
    return {"type": "object", "properties": properties, **({"required": needed} if needed else {})}


def _with_default(schema: Schema, default: ast.expr | None) -> Schema:
    """Return the schema with a default that is a plain value of its type."""
    value = default.value if isinstance(default, ast.Constant) else None
    kinds: dict[str, Any] = {"string": str, "integer": int, "number": int | float, "boolean": bool}
    kind = kinds.get(schema["type"])
    is_plain = kind is not None and isinstance(value, kind)
    return {**schema, "default": value} if is_plain and isinstance(value, bool) == (kind is bool) else schema


def _output_schema(annotation: ast.expr | None) -> Schema:
    """Return the schema of the result, which is an object."""
    schema = _schema(annotation)
    return schema if schema["type"] == "object" else {"type": "object", "properties": {}}


def _schema(annotation: ast.expr | None) -> Schema:
    """Return the schema of an annotation; text if it is missing or has no plain schema."""
    name, arguments = _parts(annotation)
    if name in _TYPES:
        return {"type": _TYPES[name]}
    if name in ("dict", "Dict", "Mapping", "TypedDict"):
        return {"type": "object", "properties": {}}
    if name in _LISTS:
        return {"type": "array", "items": _schema(arguments[0] if arguments else None)}
    if name in _OPTIONAL | _ANNOTATED and arguments:
        return _schema(arguments[0])
    if name == "Literal":
        values = [one.value for one in arguments if isinstance(one, ast.Constant)]
        if values and all(isinstance(value, str) for value in values):
            return {"type": "string", "enum": values}
    return {"type": "string"}


def _parts(annotation: ast.expr | None) -> tuple[str, list[ast.expr]]:
    """Return the name of an annotation and its arguments: `list[str]` as `list` and `str`."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        with suppress(SyntaxError):
            return _parts(ast.parse(annotation.value, mode="eval").body)
    if isinstance(annotation, ast.BinOp):  # `str | None`
        sides = [annotation.left, annotation.right]
        annotation = next((one for one in sides if not _is_none(one)), None)
        return _parts(annotation)
    if isinstance(annotation, ast.Subscript):
        inner = annotation.slice
        return _parts(annotation.value)[0], list(inner.elts) if isinstance(inner, ast.Tuple) else [inner]
    if isinstance(annotation, ast.Attribute):
        return annotation.attr, []
    return (annotation.id if isinstance(annotation, ast.Name) else ""), []


def _is_none(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and expression.value is None
