"""What people type into forms, read by the schemas that REST reads bodies with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from backend.core.errors import Invalid, Problem, PurasError
from backend.core.http.exception_handlers import as_puras_error
from backend.identity.api_keys.schemas import MAX_MICROS

_MAX_DIGITS: Final = 18

AskedT = TypeVar("AskedT", bound=BaseModel)


def parsed(schema: type[AskedT], values: Mapping[str, Any]) -> AskedT:
    """The values as what a route would take.

    Raises:
        Invalid: with everything that is wrong.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        places = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise as_puras_error(RequestValidationError(places)) or error from None


def said(error: PurasError) -> str:
    """Everything that is wrong, in sentences."""
    problems = error.problems if isinstance(error, Invalid) else ()
    if not problems:
        return error.detail
    return " ".join(f"{_word(problem.path)}: {problem.message}" for problem in problems)


def text(form: Mapping[str, Any], field: str) -> str:
    """What was typed into a field, without the space around it."""
    return str(form.get(field) or "").strip()


def number(form: Mapping[str, Any], field: str) -> int | str | None:
    """A whole number; none for an empty field, and the text itself where the schema must say what is wrong."""
    typed = text(form, field)
    is_number = typed.isascii() and typed.isdecimal() and len(typed) <= _MAX_DIGITS
    return int(typed) if is_number else typed or None


def micros(form: Mapping[str, Any], field: str) -> int | None:
    """An amount in dollars as micro-dollars; none for an empty field.

    Raises:
        Invalid: it is no amount.
    """
    typed = text(form, field)
    if not typed:
        return None
    try:
        amount = Decimal(typed) * 1_000_000
        if abs(amount) <= MAX_MICROS:  # never true of what is no number
            return int(amount.to_integral_value())
    except ArithmeticError:
        pass
    wrong = Problem(field, f"{typed[:40]!r} is no amount of dollars. Write it like 2.50.")
    raise Invalid(wrong.message, [wrong])


def end_of_day(form: Mapping[str, Any], field: str) -> datetime | None:
    """The end of a day, in UTC; none for an empty field.

    Raises:
        Invalid: it is no day.
    """
    typed = text(form, field)
    if not typed:
        return None
    try:
        return datetime.combine(date.fromisoformat(typed) + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError):
        wrong = Problem(field, f"{typed[:40]!r} is no day. Write it like 2027-01-31.")
        raise Invalid(wrong.message, [wrong]) from None


def _word(path: str) -> str:
    return path.split("[")[0].removesuffix("_s").replace("_", " ").capitalize()
