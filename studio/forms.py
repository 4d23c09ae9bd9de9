"""Parsing of submitted forms with the schemas of the REST API."""

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

ModelT = TypeVar("ModelT", bound=BaseModel)


def parsed(schema: type[ModelT], values: Mapping[str, Any]) -> ModelT:
    """Return the values as the request body of a route.

    Raises:
        Invalid: At least one value is invalid; the error lists all of them.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        errors = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise as_puras_error(RequestValidationError(errors)) or error from None


def said(error: PurasError) -> str:
    """Return the text of an error with all of its problems."""
    problems = error.problems if isinstance(error, Invalid) else ()
    if not problems:
        return error.detail
    return " ".join(f"{_word(problem.path)}: {problem.message}" for problem in problems)


def text(form: Mapping[str, Any], field: str) -> str:
    """Return the text of a field without surrounding spaces."""
    return str(form.get(field) or "").strip()


def number(form: Mapping[str, Any], field: str) -> int | str | None:
    """Return a whole number, None for an empty field, or the text itself, which the schema then rejects."""
    typed = text(form, field)
    is_number = typed.isascii() and typed.isdecimal() and len(typed) <= _MAX_DIGITS
    return int(typed) if is_number else typed or None


def micros(form: Mapping[str, Any], field: str) -> int | None:
    """Return an amount in US dollars as micro-dollars, or None for an empty field.

    Raises:
        Invalid: The text is not an amount.
    """
    typed = text(form, field)
    if not typed:
        return None
    try:
        amount = Decimal(typed) * 1_000_000
        if abs(amount) <= MAX_MICROS:  # false for NaN
            return int(amount.to_integral_value())
    except ArithmeticError:
        pass
    wrong = Problem(
        field, f"{typed[:40]!r} is not a valid amount in US dollars. Enter an amount such as 2.50."
    )
    raise Invalid(wrong.message, [wrong])


def end_of_day(form: Mapping[str, Any], field: str) -> datetime | None:
    """Return the end of a day in UTC, or None for an empty field.

    Raises:
        Invalid: The text is not a date.
    """
    typed = text(form, field)
    if not typed:
        return None
    try:
        return datetime.combine(date.fromisoformat(typed) + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError):
        wrong = Problem(field, f"{typed[:40]!r} is not a valid date. Enter a date such as 2027-01-31.")
        raise Invalid(wrong.message, [wrong]) from None


def _word(path: str) -> str:
    name = path.split("[")[0].removesuffix("_s")
    unit = " (USD)" if name.endswith("_usd") else ""
    return name.removesuffix("_usd").replace("_", " ").capitalize() + unit
