"""The schemas of a typed function: what it takes from its parameters, what it gives from its return annotation."""

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
    """What type hints say of a function."""

    input_schema: Schema
    output_schema: Schema


def hinted(function: Callable[..., Any]) -> Hinted:
    """The two schemas of a function.

    Raises:
        CellRefused: a hint is missing, or is nothing that JSON can be checked against.
    """
    hints = _hints(function)
    properties: dict[str, Schema] = {}
    required: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in _TAKEN:
            raise CellRefused(f"{function.__name__}() takes {parameter}: give every input a name of its own.")
        if parameter.name not in hints:
            raise CellRefused(
                f"{parameter.name!r} of {function.__name__}() has no type hint: the input schema is made of them."
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
            f"{function.__name__}() does not say what it gives: add a return annotation, like `-> dict` or a TypedDict."
        )
    return Hinted(taken, _schema(hints["return"], "what it gives"))


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(function, include_extras=True)
    except NameError as unknown:
        raise CellRefused(f"A type hint of {function.__name__}() is not defined: {unknown}.") from unknown


def _schema(hint: Any, where: str) -> Schema:
    """The schema of one hint."""
    plain = next((name for kind, name in _PLAIN.items() if hint is kind), None)  # not every hint has a hash
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
        f"The type {getattr(hint, '__name__', hint)} of {where} has no JSON form: use str, int, float, bool, list, "
        "dict, Literal, a TypedDict, or Annotated[str, {'type': 'image'}] for a file."
    )


def _literal(arguments: Sequence[Any], where: str) -> Schema:
    return {"enum": list(arguments)}


def _list(arguments: Sequence[Any], where: str) -> Schema:
    members = [one for one in arguments if one is not Ellipsis]
    if len(set(members)) > 1:
        raise CellRefused(
            f"The members of {where} are of several types: use a TypedDict, or a list of one type."
        )
    return {"type": "array", **({"items": _schema(members[0], where)} if members else {})}


def _annotated(arguments: Sequence[Any], where: str) -> Schema:
    """`Annotated[T, "what it is"]`, or with keys of the schema as a dict, which win."""
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
        raise CellRefused(f"The keys of {where} are no text: objects of JSON have names as keys.")
    values = _schema(arguments[1], where) if len(arguments) == 2 else {}
    return {"type": "object", **({"additionalProperties": values} if values else {})}


def _typed_dict(hint: Any, where: str) -> Schema:
    hints = typing.get_type_hints(hint, include_extras=True)
    properties = {name: _schema(_unwrapped(one), f"{name!r} in {where}") for name, one in hints.items()}
    # Where annotations are text, the class itself has not seen what they say of being required.
    needed = [name for name in hint.__required_keys__ if get_origin(hints[name]) is not typing.NotRequired]
    return {"type": "object", "properties": properties, "required": sorted(needed)}


def _unwrapped(hint: Any) -> Any:
    """Without `Required[…]` and `NotRequired[…]`, which the class itself has counted."""
    return get_args(hint)[0] if get_origin(hint) in (typing.Required, typing.NotRequired) else hint


_MADE: Final[Sequence[tuple[Sequence[Any], Callable[[Sequence[Any], str], Schema]]]] = (
    ((Annotated,), _annotated),
    ((Literal,), _literal),
    ((Union, types.UnionType), _either),
    ((list, set, frozenset, tuple, Sequence), _list),
    ((dict, Mapping), _mapping),
)
