"""Define the functions of expressions: their types and what they compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from backend.skills.flows.cel.budget import Budget, EvaluationError
from backend.skills.flows.cel.types import BOOL, DOUBLE, DYN, INT, STRING, Kind, Type, list_of
from backend.skills.flows.cel.values import (
    checked_double,
    checked_int,
    equal,
    format_double,
    is_number,
    kind_of,
)
from backend.skills.schemas.patterns import PatternRefusedError, compiled

Run: TypeAlias = Callable[[Sequence[Any], Budget, int], Any]
Result: TypeAlias = Type | Callable[[Type], Type]
"""The type of the result, or a function of the type of the first argument."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, with the kinds of arguments that it accepts."""

    overloads: tuple[tuple[tuple[Kind, ...], Result], ...]
    run: Run
    is_method: bool = True
    is_plain: bool = False
    """Whether it is called as `f(x)`."""


def _size(arguments: Sequence[Any], budget: Budget, at: int) -> int:
    return len(arguments[0])


def _string(arguments: Sequence[Any], budget: Budget, at: int) -> str:
    value = arguments[0]
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format_double(value)
    return str(checked_int(value, at))


def _int(arguments: Sequence[Any], budget: Budget, at: int) -> int:
    value = arguments[0]
    if isinstance(value, str):
        digits = value[1:] if value[:1] in ("-", "+") else value
        if not (digits.isascii() and digits.isdecimal()) or len(digits) > 20:
            raise EvaluationError(f"int(…): {value[:40]!r} is not an integer.", at)
        return checked_int(int(value), at)
    return checked_int(int(value), at)


def _double(arguments: Sequence[Any], budget: Budget, at: int) -> float:
    value = arguments[0]
    try:
        if isinstance(value, str) and (len(value) > 400 or "_" in value or value != value.strip()):
            raise ValueError
        return checked_double(float(value), at)
    except (ValueError, OverflowError) as error:
        raise EvaluationError(f"double(…): {str(value)[:40]!r} is not a number.", at) from error


def _bool(arguments: Sequence[Any], budget: Budget, at: int) -> bool:
    value = arguments[0]
    if isinstance(value, bool):
        return value
    words = {"true": True, "True": True, "TRUE": True, "t": True, "1": True}
    words |= {"false": False, "False": False, "FALSE": False, "f": False, "0": False}
    if value not in words:
        raise EvaluationError(f"bool(…): {value[:40]!r} is neither true nor false.", at)
    return words[value]


def _same(arguments: Sequence[Any], budget: Budget, at: int) -> Any:
    return arguments[0]


def _contains(arguments: Sequence[str], budget: Budget, at: int) -> bool:
    return arguments[1] in arguments[0]


def _starts(arguments: Sequence[str], budget: Budget, at: int) -> bool:
    return arguments[0].startswith(arguments[1])


def _ends(arguments: Sequence[str], budget: Budget, at: int) -> bool:
    return arguments[0].endswith(arguments[1])


def _matches(arguments: Sequence[str], budget: Budget, at: int) -> bool:
    text, pattern = arguments
    budget.spend((len(text) >> 4) + len(pattern), at)
    try:
        return compiled(pattern).search(text) is not None
    except PatternRefusedError as error:
        raise EvaluationError(f"matches(…): {pattern[:80]!r} cannot be used: {error}.", at) from error


def _ascii(lower: bool) -> Run:  # a table below names it
    source = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if lower else "abcdefghijklmnopqrstuvwxyz"
    letters = str.maketrans(source, source.swapcase())

    def run(arguments: Sequence[str], budget: Budget, at: int) -> str:
        budget.create(len(arguments[0]), at)
        return arguments[0].translate(letters)

    return run


def _trim(arguments: Sequence[str], budget: Budget, at: int) -> str:
    budget.create(len(arguments[0]), at)
    return arguments[0].strip()


def _replace(arguments: Sequence[Any], budget: Budget, at: int) -> str:
    text, old, new = arguments[:3]
    count = (
        min(text.count(old), arguments[3]) if len(arguments) > 3 and arguments[3] >= 0 else text.count(old)
    )
    budget.create(len(text) + count * max(0, len(new) - len(old)), at)
    found: str = text.replace(old, new, count)
    return found


def _split(arguments: Sequence[Any], budget: Budget, at: int) -> list[str]:
    text, separator = arguments[:2]
    limit = arguments[2] if len(arguments) > 2 else -1
    budget.create(2 * len(text) + 1, at)
    if limit == 0:
        return []
    if not separator:
        parts = list(text)
        return (
            parts if limit < 0 or len(parts) <= limit else [*parts[: limit - 1], "".join(parts[limit - 1 :])]
        )
    found: list[str] = text.split(separator, -1 if limit < 0 else min(limit - 1, len(text)))
    return found


def _join(arguments: Sequence[Any], budget: Budget, at: int) -> str:
    parts = arguments[0]
    separator = arguments[1] if len(arguments) > 1 else ""
    budget.spend(len(parts), at)
    for part in parts:
        if not isinstance(part, str):
            raise EvaluationError("join(…) needs a list of texts. Convert with list.map(x, string(x)).", at)
    budget.create(sum(map(len, parts)) + len(separator) * len(parts), at)
    found: str = separator.join(parts)
    return found


def _substring(arguments: Sequence[Any], budget: Budget, at: int) -> str:
    text, start = arguments[:2]
    end = arguments[2] if len(arguments) > 2 else len(text)
    if not 0 <= start <= end <= len(text):
        raise EvaluationError(f"substring(…): the text has only {len(text):,} characters.", at)
    budget.create(end - start, at)
    found: str = text[start:end]
    return found


def _index_of(arguments: Sequence[str], budget: Budget, at: int) -> int:
    return arguments[0].find(arguments[1])


def _numbers(arguments: Sequence[Any], budget: Budget, at: int) -> list[Any]:
    values: list[Any] = arguments[0]
    budget.spend(len(values), at)
    if not all(map(is_number, values)):
        raise EvaluationError("sum() needs a list of numbers.", at)
    return values


def _sum(arguments: Sequence[Any], budget: Budget, at: int) -> Any:
    values = _numbers(arguments, budget, at)
    if any(isinstance(value, float) for value in values):
        return checked_double(float(sum(values)), at)
    return checked_int(sum(values), at)


def _extreme(name: str, choose: Callable[[Any], Any]) -> Run:
    def run(arguments: Sequence[Any], budget: Budget, at: int) -> Any:
        values = arguments[0]
        budget.spend(len(values), at)
        if not values:
            raise EvaluationError(f"{name}() needs a list with elements.", at)
        kinds = {"number" if is_number(value) else kind_of(value) for value in values}
        if kinds not in ({"number"}, {"string"}):
            raise EvaluationError(f"{name}() needs a list of numbers, or of texts.", at)
        return choose(values)

    return run


def _distinct(arguments: Sequence[Any], budget: Budget, at: int) -> list[Any]:
    values = arguments[0]
    budget.create(len(values), at)
    found: list[Any] = []
    seen: set[Any] = set()
    for value in values:
        budget.spend(1, at)
        if isinstance(value, str) or is_number(value):
            if value not in seen:
                seen.add(value)
                found.append(value)
        elif not any(equal(value, other, budget, at) for other in found):
            found.append(value)
    return found


def _flatten(arguments: Sequence[Any], budget: Budget, at: int) -> list[Any]:
    found: list[Any] = []
    for value in arguments[0]:
        inner = value if isinstance(value, list) else [value]
        budget.create(len(inner) + 1, at)
        budget.spend(1, at)
        found.extend(inner)
    return found


def _item(kind: Type) -> Type:
    return kind.item or DYN


def _flat(kind: Type) -> Type:
    inner = _item(kind)
    return list_of(inner.item or DYN) if inner.kind == "list" else list_of(inner)


def _same_type(kind: Type) -> Type:
    return kind


_TEXT: Final[tuple[Kind, ...]] = ("string",)
_TWO_TEXTS: Final[tuple[Kind, ...]] = ("string", "string")
_NUMERIC_ITEM: Final[Result] = _item


def _plain(run: Run, result: Type, *kinds: Kind) -> Function:
    return Function(tuple(((kind,), result) for kind in kinds), run, is_method=False, is_plain=True)


def _on_text(run: Run, result: Type, *overloads: tuple[Kind, ...]) -> Function:
    return Function(tuple((overload, result) for overload in overloads or (_TEXT,)), run)


FUNCTIONS: Final[dict[str, Function]] = {
    "size": Function(
        ((("string",), INT), (("list",), INT), (("object",), INT)), _size, is_method=True, is_plain=True
    ),
    "string": _plain(_string, STRING, "string", "int", "double", "number", "bool"),
    "int": _plain(_int, INT, "int", "double", "number", "string"),
    "double": _plain(_double, DOUBLE, "double", "int", "number", "string"),
    "bool": _plain(_bool, BOOL, "bool", "string"),
    "dyn": _plain(_same, DYN, "dyn"),
    "contains": _on_text(_contains, BOOL, _TWO_TEXTS),
    "startsWith": _on_text(_starts, BOOL, _TWO_TEXTS),
    "endsWith": _on_text(_ends, BOOL, _TWO_TEXTS),
    "matches": Function(((_TWO_TEXTS, BOOL),), _matches, is_method=True, is_plain=True),
    "lowerAscii": _on_text(_ascii(lower=True), STRING),
    "upperAscii": _on_text(_ascii(lower=False), STRING),
    "trim": _on_text(_trim, STRING),
    "replace": _on_text(_replace, STRING, ("string", "string", "string"), (*_TWO_TEXTS, "string", "int")),
    "split": _on_text(_split, list_of(STRING), _TWO_TEXTS, (*_TWO_TEXTS, "int")),
    "substring": _on_text(_substring, STRING, ("string", "int"), ("string", "int", "int")),
    "indexOf": _on_text(_index_of, INT, _TWO_TEXTS),
    "join": Function(((("list",), STRING), (("list", "string"), STRING)), _join),
    "sum": Function(((("list",), _NUMERIC_ITEM),), _sum),
    "min": Function(((("list",), _item),), _extreme("min", min)),
    "max": Function(((("list",), _item),), _extreme("max", max)),
    "distinct": Function(((("list",), _same_type),), _distinct),
    "flatten": Function(((("list",), _flat),), _flatten),
}
"""All functions by name."""


def accepts(kind: Kind, given: Type) -> bool:
    """Return whether an argument of a type may have a kind."""
    if kind == "dyn" or given.kind in ("dyn", kind):
        return True
    return kind == "number" and given.kind in ("int", "double")
