"""Compile the schemas of skills: inputs are completed and validated, outputs are pruned and validated.

Validation is on the path of every job; compilation is done once per skill and process.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final, NamedTuple

from backend.core.errors import Problem
from backend.skills.schemas import messages, references
from backend.skills.schemas.messages import spelled
from backend.skills.schemas.patterns import compiled
from backend.skills.schemas.schema_dialect import Schema, map_subschemas, to_json_schema
from backend.skills.schemas.validator import TooManyStepsError, Validator

ATTACHMENTS: Final = "attachments"
"""The input of agents for attached files; they accept it whether or not their schema declares it."""
MAX_VALUE_DEPTH: Final = 64
MAX_INTEGER_BITS: Final = 4_096
FILES: Final[Schema] = {"type": "array", "items": {"type": "file"}}
MAX_DEFAULTS: Final = 10_000  # maximum defaults in one value; only defaults that contain themselves reach it


class Checked(NamedTuple):
    """The value to use, and its problems."""

    value: Any
    problems: list[Problem]


class InputSchema:
    """A compiled `input_schema`, which completes and validates inputs."""

    def __init__(self, schema: Schema, *, takes_attachments: bool = False, root: str = "inputs") -> None:
        """Compile the schema.

        Args:
            schema: The schema.
            takes_attachments: Whether a list of files is accepted even if the schema does not declare it.
            root: Name of the values in the paths of problems.
        """
        self._root = root
        parts = references.same_value(schema, schema)
        self._schema = schema
        self._validator = Validator(to_json_schema(schema))
        self._has_defaults = any("default" in part for _, part in references.subschemas(schema))
        self.declared = frozenset(name for part in parts for name in _properties(part))
        self._patterns = [pattern for part in parts for pattern in part.get("patternProperties", ())]
        self._is_open = (
            not any("properties" in part for part in parts)
            or any(part.get("additionalProperties") not in (None, False) for part in parts)
            or any(part.get("unevaluatedProperties") not in (None, False) for part in parts)
        )
        is_own = self._is_open or self._declares(ATTACHMENTS)
        self._attachments = Validator(to_json_schema(FILES)) if takes_attachments and not is_own else None

    def check(self, value: Any) -> Checked:
        """Return the inputs with defaults, and their problems."""
        if not isinstance(value, dict):
            kind = messages.shown(value)
            return Checked(
                value, [Problem(self._root, f"Inputs must be an object of names and values, not {kind}.")]
            )
        problems = _unstorable(value, self._root)
        if problems:
            return Checked(value, problems)
        if self._attachments is not None and ATTACHMENTS in value:
            return self._with_attachments(value, self._attachments)
        undeclared = [] if self._is_open else [name for name in value if not self._declares(name)]
        problems = [messages.undeclared(name, self.declared, self._root) for name in undeclared[:50]]
        if self._has_defaults:
            value = _Filling(self._schema).filled(value, self._schema)
        known = (
            {name: inner for name, inner in value.items() if name not in undeclared} if undeclared else value
        )
        return Checked(value, problems + _fit(self._validator, known, self._root))

    def _with_attachments(self, value: dict[str, Any], files: Validator) -> Checked:
        """Validate the attachments separately: a schema without additional properties would reject them."""
        attached = value[ATTACHMENTS]
        checked = self.check({name: inner for name, inner in value.items() if name != ATTACHMENTS})
        problems = _fit(files, attached, f"inputs.{ATTACHMENTS}")
        return Checked({**checked.value, ATTACHMENTS: attached}, [*checked.problems, *problems])

    def _declares(self, name: str) -> bool:
        return name in self.declared or any(compiled(pattern).search(name) for pattern in self._patterns)


class OutputSchema:
    """A compiled `output_schema`, which prunes and validates the result of a skill."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._validator = Validator(to_json_schema(all_required(schema)))
        self._pruning = _Pruning(schema)

    def check(self, value: Any) -> Checked:
        """Return the value without undeclared fields, and its problems."""
        problems = _unstorable(value, "result")
        if problems:
            return Checked(value, problems)
        pruned = self._pruning.pruned(value, (self._schema,))
        return Checked(pruned, _fit(self._validator, pruned, "result"))


def all_required(schema: Any) -> Any:
    """Return the schema with every declared property required in each object without its own `required`."""
    if not isinstance(schema, dict):
        return schema
    result = map_subschemas(schema, all_required, skip=frozenset({"not", "if"}))
    if isinstance(schema.get("properties"), dict) and "required" not in schema:
        result["required"] = list(schema["properties"])
    return result


def _fit(validator: Validator, value: Any, root: str) -> list[Problem]:
    try:
        return [messages.problem_of(error, root) for error in validator.errors(value)]
    except TooManyStepsError:
        return [
            Problem(root, "The validation of this value takes too long. Simplify the schema's alternatives.")
        ]


def _unstorable(value: Any, root: str) -> list[Problem]:
    """Yield the problems of values that JSON or the database cannot store.

    The search is not recursive, since values can be deeply nested.
    """
    problems: list[Problem] = []
    waiting: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while waiting and len(problems) < 50:
        inner, path = waiting.pop()
        reason = _reason_against(inner)
        if reason is None and isinstance(inner, dict | list):
            if len(path) >= MAX_VALUE_DEPTH:
                reason = f"This is nested deeper than {MAX_VALUE_DEPTH} levels. Flatten it."
            else:
                waiting.extend(_inside(inner, path))
        if reason:
            problems.append(Problem(spelled(path, root), reason))
    return problems


def _inside(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[Any, tuple[str | int, ...]]]:
    """Return the parts of a value that need to be checked; plain numbers and booleans do not."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in pairs:
        if value.__class__ is dict and _reason_against(name):
            yield name, (*path, "…")
        if inner is not None and inner.__class__ is not bool:
            yield inner, (*path, name)


def _reason_against(value: Any) -> str | None:
    if isinstance(value, str):
        if "\0" in value:
            return "The text contains a NUL character. Remove it."
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            return "The text contains an unpaired surrogate, which is not a character. Send valid Unicode."
        return None
    if isinstance(value, float):
        return (
            None
            if math.isfinite(value)
            else "NaN and Infinity are not numbers in JSON. Send a finite number."
        )
    if isinstance(value, int):
        return None if value.bit_length() <= MAX_INTEGER_BITS else "The number is too large. Send it as text."
    if value is None or isinstance(value, dict | list):
        return None
    return (
        f"A {type(value).__name__} is not a JSON value. Send text, numbers, booleans, null, lists or objects."
    )


def _properties(schema: Schema) -> Schema:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


class _Filling:
    """Sets the defaults of one schema in one value."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._left = MAX_DEFAULTS

    def filled(self, value: Any, schema: Any, depth: int = 0) -> Any:
        if not isinstance(schema, dict) or not isinstance(value, dict | list) or depth > MAX_VALUE_DEPTH:
            return value
        for part in references.same_value(schema, self._root, all_hold=True):
            if isinstance(value, dict):
                value = self._object(value, part, depth)
            elif isinstance(part.get("items"), dict):
                value = [self.filled(item, part["items"], depth + 1) for item in value]
        return value

    def _object(self, value: dict[str, Any], part: Schema, depth: int) -> dict[str, Any]:
        result = dict(value)
        for name, inner in _properties(part).items():
            if name not in result and isinstance(inner, dict) and "default" in inner and self._left > 0:
                self._left -= 1
                result[name] = deepcopy(inner["default"])
            if name in result:
                result[name] = self.filled(result[name], inner, depth + 1)
        return result


class _Pruning:
    """Removes fields that one schema does not declare."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._known: dict[int, tuple[Schema, ...]] = {}

    def pruned(self, value: Any, schemas: tuple[Any, ...]) -> Any:
        if not isinstance(value, dict | list):
            return value
        parts = list({id(part): part for schema in schemas for part in self._parts(schema)}.values())
        if isinstance(value, list):
            return [self.pruned(item, _for_item(parts, index)) for index, item in enumerate(value)]
        if not any("properties" in part for part in parts):
            return value
        is_open = any(
            part.get("additionalProperties") not in (None, False)
            or part.get("unevaluatedProperties") not in (None, False)
            for part in parts
        )
        result: dict[str, Any] = {}
        for name, inner in value.items():
            declared = tuple(_for_property(parts, name))
            if declared or is_open:
                result[name] = self.pruned(inner, declared)
        return result

    def _parts(self, schema: Any) -> tuple[Schema, ...]:
        if not isinstance(schema, dict):
            return ()
        if id(schema) not in self._known:
            self._known[id(schema)] = references.same_value(schema, self._root)
        return self._known[id(schema)]


def _for_property(parts: list[Schema], name: str) -> Iterator[Any]:
    for part in parts:
        if name in _properties(part):
            yield part["properties"][name]
        for pattern, inner in part.get("patternProperties", {}).items():
            if compiled(pattern).search(name):
                yield inner


def _for_item(parts: list[Schema], index: int) -> tuple[Any, ...]:
    found = []
    for part in parts:
        prefix = part.get("prefixItems", ())
        inner = prefix[index] if index < len(prefix) else part.get("items")
        if isinstance(inner, dict):
            found.append(inner)
    return tuple(found)
