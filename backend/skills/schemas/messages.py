"""Create the error messages of values that are not valid for their schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jsonschema.exceptions import ValidationError, best_match

from backend.core.errors import Problem
from backend.core.names import suggestion
from backend.skills.schemas.schema_dialect import COLOR_PATTERN, FILE_TYPES

Path = tuple[str | int, ...]
"""The position of a value: `("tools", 0, "name")`."""

_MAX_SHOWN = 80
_WORDS = {"null": None, "true": True, "false": False}
_KINDS = {
    "string": "text",
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def problem_of(error: ValidationError, root: str) -> Problem:
    """Return the error as a problem.

    It has a JSON path below `root`, and a message that says what to send instead.
    """
    path = spelled(tuple(error.absolute_path), root)
    if error.validator == "required":
        return Problem(f"{path}.{_missing(error)}", "This field is required. Set a value.")
    message = _MESSAGES.get(str(error.validator), _fallback)
    return Problem(path, message(error))


def spelled(path: Path, root: str = "") -> str:
    """Return a path in the usual notation: `tools[0].name`."""
    text = root
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def undeclared(name: str, declared: frozenset[str], root: str) -> Problem:
    """Return the message about an undeclared name, with the most similar name that the schema declares."""
    owner, fields = ("form", "fields") if root == "form" else ("skill", "inputs")
    hint = suggestion(name, sorted(declared)) or (
        f" Declared are {_listed(sorted(declared))}." if declared else f" The {owner} does not have {fields}."
    )
    return Problem(spelled((name[:_MAX_SHOWN],), root), f"The {owner} does not declare {shown(name)}.{hint}")


def shown(value: Any) -> str:
    """Return a short form of a value for a message."""
    if isinstance(value, str):
        text = repr(value if len(value) <= _MAX_SHOWN else value[: _MAX_SHOWN - 1] + "…")
    elif isinstance(value, dict | list):
        text = f"{_KINDS['object' if isinstance(value, dict) else 'array']} of {len(value)}"
    else:
        text = next((word for word, plain in _WORDS.items() if value is plain), repr(value)[:_MAX_SHOWN])
    return text


def _rule(error: ValidationError) -> Any:
    """Return the value of the keyword that failed."""
    return error.validator_value


def _missing(error: ValidationError) -> str:
    return next(str(name) for name in _rule(error) if error.message.startswith(repr(name)))


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(repr(name) for name in names[:12]) + more


def _kinds(value: Any) -> str:
    kinds = value if isinstance(value, list) else [value]
    return " or ".join(_KINDS.get(kind, str(kind)) for kind in kinds)


def _type(error: ValidationError) -> str:
    return f"This must be {_kinds(_rule(error))}, not {shown(error.instance)}."


def _enum(error: ValidationError) -> str:
    allowed = [value for value in _rule(error) if isinstance(value, str | int | float)]
    words = [value for value in allowed if isinstance(value, str)]
    hint = suggestion(error.instance, words) if isinstance(error.instance, str) else ""
    choices = ", ".join(shown(value) for value in allowed[:12]) + (", …" if len(allowed) > 12 else "")
    return f"{shown(error.instance)} is not one of {choices}.{hint}"


def _alternatives(error: ValidationError) -> str:
    schema = error.schema if isinstance(error.schema, dict) else {}
    hints = schema.get("x-puras")
    kind = hints.get("type") if isinstance(hints, dict) else None
    if kind in FILE_TYPES:
        what = "a file" if kind == "file" else f"a file ({kind})"
        return (
            f"This must be {what}: a URL, a data: URL or a drive path as text, or an object with "
            "'drive_path', 'url', 'data' or 'base64'."
        )
    if not error.context:
        return (
            f"{shown(error.instance)} is valid for more than one of the alternatives. It must be valid for "
            "exactly one."
        )
    closest = best_match(error.context)
    inner = problem_of(closest, "value").message if closest else ""
    count = len(_rule(error))
    return f"{shown(error.instance)} is not valid for any of the {count} alternatives. Closest: {inner}"


def _pattern(error: ValidationError) -> str:
    if _rule(error) == COLOR_PATTERN:
        return f"{shown(error.instance)} is not a color. Write it as '#1a2b3c' or '#abc'."
    return f"{shown(error.instance)} does not match the pattern {shown(_rule(error))}."


def _fallback(error: ValidationError) -> str:
    message = error.message if len(error.message) <= 200 else f"{shown(error.instance)} is not valid"
    return f"{message} (rule {error.validator!r}: {shown(_rule(error))})."


def _count(noun: str, bound: str) -> Callable[[ValidationError], str]:
    def message(error: ValidationError) -> str:
        length = _length(error)
        counted = noun.removesuffix("s") if length == 1 else noun
        return f"This has {length:,} {counted}; use {bound} {_rule(error):,}."

    return message


def _length(error: ValidationError) -> int:
    return len(error.instance) if isinstance(error.instance, str | list | dict) else 0


def _size(bound: str) -> Callable[[ValidationError], str]:
    return lambda error: f"{shown(error.instance)} must be {bound} {shown(_rule(error))}."


_MESSAGES: dict[str, Callable[[ValidationError], str]] = {
    "type": _type,
    "enum": _enum,
    "const": _size("exactly"),
    "oneOf": _alternatives,
    "anyOf": _alternatives,
    "pattern": _pattern,
    "minimum": _size("at least"),
    "maximum": _size("at most"),
    "exclusiveMinimum": _size("more than"),
    "exclusiveMaximum": _size("less than"),
    "multipleOf": _size("a multiple of"),
    "minLength": _count("characters", "at least"),
    "maxLength": _count("characters", "at most"),
    "minItems": _count("items", "at least"),
    "maxItems": _count("items", "at most"),
    "minProperties": _count("properties", "at least"),
    "maxProperties": _count("properties", "at most"),
    "uniqueItems": lambda error: "This has the same item twice. Remove one of them.",
    "additionalProperties": lambda error: "This name is not declared. Remove it, or check its spelling.",
}
