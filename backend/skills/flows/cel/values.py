"""Compare and convert JSON values as CEL does: integers stay integers, and booleans are not numbers."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from backend.skills.flows.cel.budget import Budget, EvaluationError

MIN_INT: Final = -(1 << 63)
MAX_INT: Final = (1 << 63) - 1


def kind_of(value: Any) -> str:
    """Return the name of the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "double"
    if isinstance(value, str):
        return "string"
    return "list" if isinstance(value, list) else "object"


def is_number(value: Any) -> bool:
    """Return whether a value is an integer or a decimal number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(first: Any, second: Any, budget: Budget, at: int) -> bool:
    """Return whether two values are equal. The work is counted, since values may be large."""
    waiting = [(first, second)]
    while waiting:
        left, right = waiting.pop()
        budget.spend(1, at)
        if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
            budget.spend(len(left), at)
            waiting.extend(zip(left, right, strict=True))
        elif isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
            budget.spend(len(left), at)
            waiting.extend((value, right[name]) for name, value in left.items())
        elif isinstance(left, list | dict) or not _are_equal_scalars(left, right, budget, at):
            return False
    return True


def _are_equal_scalars(left: Any, right: Any, budget: Budget, at: int) -> bool:
    if isinstance(left, str):
        budget.spend(len(left) >> 8, at)
    is_same_kind = (is_number(left) and is_number(right)) or kind_of(left) == kind_of(right)
    return is_same_kind and bool(left == right)


def checked_int(value: int, at: int) -> int:
    """Return an integer that has at most 64 bits."""
    if not MIN_INT <= value <= MAX_INT:
        raise EvaluationError("The result has more than 64 bits.", at)
    return value


def checked_double(value: float, at: int) -> float:
    """Return a finite number: JSON has no others."""
    if not math.isfinite(value):
        raise EvaluationError("The result is not a finite number.", at)
    return value


def text_of(value: Any, budget: Budget, at: int) -> str:
    """Return a value as it appears within a text: lists and objects as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return format_double(value)
    if isinstance(value, list | dict):
        _count(value, budget, at)
        return json.dumps(value, ensure_ascii=False)
    return "null" if value is None else str(value).lower()


def format_double(value: float) -> str:
    """Return a decimal number as CEL writes it: whole numbers without a decimal point."""
    text = repr(value)
    return text.removesuffix(".0")


def _count(value: Any, budget: Budget, at: int) -> None:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        budget.create(8 + (len(one) if isinstance(one, str) else 0), at)
        if isinstance(one, dict):
            budget.create(sum(map(len, one)), at)
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
