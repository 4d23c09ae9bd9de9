"""Derive the schemas of a skill from the parameters and the return annotation of its function."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin

from puras.notebook.errors import CellRefused

__all__ = ["Hinted", "hinted"]

Schema = dict[str, Any]

_PLAIN: Final[dict[Any, str]] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    type(None): "null",
}
_TAKEN: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Hinted(NamedTuple):
    """The schemas of a function, from its type hints."""

    input_schema: Schema
    output_schema: Schema


def hinted(function: Callable[..., Any]) -> Hinted:
    """Return the input and the output schema of a function.

    Raises:
        CellRefused: A type hint is missing, or has no JSON Schema.
    """
    hints = _hints(function)
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in _TAKEN:
            raise CellRefused(
                f"{function.__name__}() has the parameter {parameter}. Replace it with one parameter for each input."
            )
        if parameter.name not in hints:
            raise CellRefused(
                f"{parameter.name!r} of {function.__name__}() has no type hint. Add one, since type hints "
                "define the input schema."
            )
        schema = _schema(hints[parameter.name], f"{parameter.name!r}")
        if parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
        elif parameter.default is not None:
            schema = {**schema, "default": parameter.default}
        properties[parameter.name] = schema
    taken: Schema = {"type": "object", "properties": properties}
    if required:
        taken["required"] = required
    if "return" not in hints:
        raise CellRefused(
            f"{function.__name__}() has no return annotation. Add one, such as `-> dict` or a TypedDict."
        )
    return Hinted(taken, _schema(hints["return"], "the return value"))


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as unknown:
        raise CellRefused(f"A type hint of {function.__name__}() is not defined: {unknown}.") from unknown


def _schema(hint: Any, where: str) -> Schema:
    """Return the schema of one type hint."""
    plain = next(
        (name for kind, name in _PLAIN.items() if hint is kind), None
    )  # not every type hint is hashable
    if plain is not None:
        return {"type": plain}
    if hint is Any:
        return {}
    if typing.is_typeddict(hint):
        return _typed_dict(hint, where)
    origin = get_origin(hint) or hint
    for family, made in _MADE:
        if origin in family:
            return made(get_args(hint), where)
    raise CellRefused(
        f"The type {getattr(hint, '__name__', hint)} of {where} has no JSON Schema. Use str, int, float, bool, list, "
        "dict, Literal, a TypedDict, or Annotated[str, {'type': 'image'}] for a file."
    )


def _literal(arguments: Sequence[Any], where: str) -> Schema:
    return {"enum": list(arguments)}


def _list(arguments: Sequence[Any], where: str) -> Schema:
    members = [one for one in arguments if one is not Ellipsis]
    if len(set(members)) > 1:
        raise CellRefused(f"The items of {where} have several types. Use a TypedDict, or a list of one type.")
    return {"type": "array", **({"items": _schema(members[0], where)} if members else {})}


def _annotated(arguments: Sequence[Any], where: str) -> Schema:
    """Return the schema of `Annotated[T, "description"]` or `Annotated[T, {keys of the schema}]`."""
    schema = _schema(arguments[0], where)
    for extra in arguments[1:]:
        if isinstance(extra, str):
            schema = {**schema, "description": extra}
        elif isinstance(extra, dict):
            schema = {**schema, **extra}
    return schema


def _either(arguments: Sequence[Any], where: str) -> Schema:
    schemas = [_schema(one, where) for one in arguments]
    kinds = [one.get("type") for one in schemas]
    if all(isinstance(kind, str) and set(one) == {"type"} for kind, one in zip(kinds, schemas, strict=True)):
        return {"type": kinds}
    return {"anyOf": schemas}


def _mapping(arguments: Sequence[Any], where: str) -> Schema:
    if arguments and arguments[0] is not str:
        raise CellRefused(f"The keys of {where} are not strings. JSON objects have only strings as keys.")
    values = _schema(arguments[1], where) if len(arguments) == 2 else {}
    return {"type": "object", **({"additionalProperties": values} if values else {})}


def _typed_dict(hint: Any, where: str) -> Schema:
    hints = typing.get_type_hints(hint, include_extras=True)
    properties = {name: _schema(_unwrapped(one), f"{name!r} in {where}") for name, one in hints.items()}
    # If annotations are strings, `__required_keys__` does not take `NotRequired` into account.
    needed = [name for name in hint.__required_keys__ if get_origin(hints[name]) is not typing.NotRequired]
    return {"type": "object", "properties": properties, "required": sorted(needed)}


def _unwrapped(hint: Any) -> Any:
    """Return the type hint without `Required[…]` and `NotRequired[…]`."""
    return get_args(hint)[0] if get_origin(hint) in (typing.Required, typing.NotRequired) else hint


_MADE: Final[Sequence[tuple[Sequence[Any], Callable[[Sequence[Any], str], Schema]]]] = (
    ((Annotated,), _annotated),
    ((Literal,), _literal),
    ((Union, types.UnionType), _either),
    ((list, set, frozenset, tuple, Sequence), _list),
    ((dict, Mapping), _mapping),
)
