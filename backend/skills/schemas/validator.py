"""Validate JSON Schema 2020-12 with limits.

Patterns match in linear time, references are local, and the number of steps is limited.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from itertools import islice
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend
from referencing import Registry

from backend.skills.schemas.patterns import compiled
from backend.skills.schemas.schema_dialect import Schema

MAX_STEPS: Final = 50_000  # at most about a second; ordinary inputs take dozens of steps
MAX_ERRORS: Final = 50

_steps_left: ContextVar[list[int]] = ContextVar("steps_left")
_Errors = Iterator[ValidationError]
_Keyword = Callable[[Any, Any, Any, Any], _Errors | None]
_COUNTED: Final = ("$ref", "allOf", "anyOf", "oneOf", "if", "not", "contains", "enum")


class TooManyStepsError(Exception):
    """The validation of the value exceeds the maximum number of steps."""


class Validator:
    """One compiled schema."""

    def __init__(self, schema: Schema) -> None:
        self._validator = _BoundedValidator(schema, registry=Registry())

    def errors(self, value: Any) -> list[ValidationError]:
        """Return the first fifty problems of the value.

        Raises:
            TooManyStepsError: the validation of this value takes too many steps.
        """
        token = _steps_left.set([MAX_STEPS])
        try:
            return list(islice(self._validator.iter_errors(value), MAX_ERRORS))
        except (RecursionError, ArithmeticError) as error:
            raise TooManyStepsError from error
        finally:
            _steps_left.reset(token)


def _counted(name: str) -> _Keyword:
    keyword: _Keyword = Draft202012Validator.VALIDATORS[name]

    def check(validator: Any, value: Any, instance: Any, schema: Any) -> _Errors:
        left = _steps_left.get()
        left[0] -= len(value) if isinstance(value, list) else 1
        if left[0] < 0:
            raise TooManyStepsError
        yield from keyword(validator, value, instance, schema) or ()

    return check


def _pattern(validator: Any, pattern: Any, instance: Any, schema: Any) -> _Errors:
    if isinstance(instance, str) and not compiled(pattern).search(instance):
        yield ValidationError("does not match the pattern")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> _Errors:
    if not isinstance(instance, dict):
        return
    for pattern, inner in patterns.items():
        search = compiled(pattern).search
        for name, value in instance.items():
            if search(name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> _Errors:
    if not isinstance(instance, dict) or allowed is True:
        return
    declared = schema.get("properties", {})
    patterns = [compiled(pattern) for pattern in schema.get("patternProperties", ())]
    for name, value in instance.items():
        if name in declared or any(pattern.search(name) for pattern in patterns):
            continue
        if isinstance(allowed, dict):
            yield from validator.descend(value, allowed, path=name)
        else:
            error = ValidationError("is not declared")
            error.path.append(name)
            yield error


def _items(validator: Any, inner: Any, instance: Any, schema: Any) -> _Errors:
    if not isinstance(instance, list):
        return
    first = len(schema.get("prefixItems", ()))
    plain_type = inner["type"] if isinstance(inner, dict) and inner.keys() == {"type"} else None
    for index in range(first, len(instance)):
        if isinstance(plain_type, str) and validator.is_type(instance[index], plain_type):
            continue
        yield from validator.descend(instance[index], inner, path=index)


def _unique_items(validator: Any, wanted: Any, instance: Any, schema: Any) -> _Errors:
    if (
        wanted
        and isinstance(instance, list)
        and len({_fingerprint(item) for item in instance}) < len(instance)
    ):
        yield ValidationError("has repeated items")


def _fingerprint(value: Any) -> str:
    """Return a key that is equal for values that are equal in JSON Schema.

    1 and 1.0 are, 1 and true are not.
    """
    return json.dumps(_whole(value), sort_keys=True)


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return value


_BoundedValidator: Any = extend(  # type: ignore[no-untyped-call]  # its stubs leave it bare
    Draft202012Validator,
    {
        **{
            name: _counted(name)
            for name in ("$ref", "allOf", "anyOf", "oneOf", "if", "not", "contains", "enum")
        },
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "items": _items,
        "uniqueItems": _unique_items,
    },
)
