"""Validate schemas."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from backend.core.names import suggestion
from backend.skills.schemas import references
from backend.skills.schemas.messages import Path, spelled
from backend.skills.schemas.patterns import PatternRefusedError, compiled
from backend.skills.schemas.schema_dialect import DIALECT_TYPES, Schema, to_json_schema

_REFUSED_KEYWORDS = ("$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor")
_UNEVALUATED = ("unevaluatedProperties", "unevaluatedItems")
_KNOWN_KEYWORDS = frozenset(Draft202012Validator.VALIDATORS) | {
    *("$comment", "$defs", "$schema", "$vocabulary", "contentEncoding", "contentMediaType", "contentSchema"),
    *(
        "default",
        "definitions",
        "deprecated",
        "description",
        "else",
        "examples",
        "maxContains",
        "minContains",
    ),
    *("readOnly", "then", "title", "writeOnly", "x-puras", *_REFUSED_KEYWORDS),
}


MAX_FLAWS = 50  # reported for one schema


class Flaw(NamedTuple):
    """One problem of a schema."""

    path: Path
    message: str


class SchemaFlaws(NamedTuple):
    """The errors and warnings of a schema."""

    errors: list[Flaw]
    warnings: list[Flaw]


def schema_flaws(schema: Schema) -> SchemaFlaws:
    """Return the problems of a schema in the dialect; without errors it can be compiled."""
    flaws = SchemaFlaws([], [])
    for path, part in references.subschemas(schema):
        flaws.errors.extend(islice(_keyword_errors(path, part, schema), MAX_FLAWS))
        flaws.warnings.extend(islice(_keyword_warnings(path, part), MAX_FLAWS))
        if len(flaws.errors) + len(flaws.warnings) > MAX_FLAWS:
            break
    if not flaws.errors:
        flaws.errors.extend(islice(_form_errors(schema), MAX_FLAWS))
    if not flaws.errors and references.is_endless(schema):
        flaws.errors.append(Flaw((), "The references ('$ref') form a cycle."))
    return flaws


def _keyword_errors(path: Path, part: Schema, root: Schema) -> Iterator[Flaw]:
    yield from _type_errors(path, part.get("type"))
    if "$ref" in part and not isinstance(references.target(root, part["$ref"]), dict | bool):
        yield Flaw(
            (*path, "$ref"),
            f"{_short(part['$ref'])} does not exist in this schema. Only '#' and '#/$defs/…' are supported, "
            "not other files or URLs.",
        )
    for keyword in _REFUSED_KEYWORDS:
        if keyword in part:
            yield Flaw(
                (*path, keyword), f"{keyword!r} is not supported. Use '$defs' and '$ref: \"#/$defs/…\"'."
            )
    yield from _unevaluated_errors(path, part, root)
    yield from _pattern_errors(path, part)


def _type_errors(path: Path, kind: Any) -> Iterator[Flaw]:
    for name in kind if isinstance(kind, list) else [kind]:
        if isinstance(name, str) and name not in DIALECT_TYPES:
            hint = (
                suggestion(name, sorted(DIALECT_TYPES)) or f" Known are {', '.join(sorted(DIALECT_TYPES))}."
            )
            yield Flaw((*path, "type"), f"The type {_short(name)} does not exist.{hint}")


def _unevaluated_errors(path: Path, part: Schema, root: Schema) -> Iterator[Flaw]:
    used = [keyword for keyword in _UNEVALUATED if keyword in part]
    if used and any(
        not {"$ref", "patternProperties"}.isdisjoint(other) for _, other in references.subschemas(root)
    ):
        yield Flaw(
            (*path, used[0]),
            f"{used[0]!r} is not supported together with '$ref' or 'patternProperties'. Use "
            "'additionalProperties'.",
        )


def _pattern_errors(path: Path, part: Schema) -> Iterator[Flaw]:
    patterns: list[tuple[Path, Any]] = [((*path, "pattern"), part.get("pattern"))]
    if isinstance(part.get("patternProperties"), dict):
        patterns += [
            ((*path, "patternProperties", pattern), pattern) for pattern in part["patternProperties"]
        ]
    for place, pattern in patterns:
        if isinstance(pattern, str):
            try:
                compiled(pattern)
            except PatternRefusedError as error:
                yield Flaw(place, f"The pattern {_short(pattern)} is not supported: {error}.")


def _keyword_warnings(path: Path, part: Schema) -> Iterator[Flaw]:
    for keyword in part:
        if keyword not in _KNOWN_KEYWORDS and not keyword.startswith("x-"):
            hint = suggestion(keyword, sorted(_KNOWN_KEYWORDS))
            if hint:
                yield Flaw(
                    (*path, keyword), f"The keyword {_short(keyword)} is not a keyword of schemas.{hint}"
                )
    required, properties = part.get("required"), part.get("properties")
    if (
        isinstance(required, list)
        and isinstance(properties, dict)
        and part.get("additionalProperties") is False
    ):
        for index, name in enumerate(required):
            if isinstance(name, str) and name not in properties:
                hint = suggestion(name, properties)
                yield Flaw(
                    (*path, "required", index),
                    f"{_short(name)} is required but not among the properties, so no value can be "
                    f"valid.{hint}",
                )


def _form_errors(schema: Schema) -> Iterator[Flaw]:
    """Yield the problems that the meta-schema reports, each position once."""
    seen: set[Path] = set()
    for error in sorted(
        _schema_of_schemas().iter_errors(to_json_schema(schema)), key=lambda error: -len(error.path)
    ):
        path = tuple(error.absolute_path)
        if path not in seen:
            seen.add(path)
            yield Flaw(path, _form_message(path, error))


@lru_cache(maxsize=1)
def _schema_of_schemas() -> Draft202012Validator:
    return Draft202012Validator(Draft202012Validator.META_SCHEMA)


def _form_message(path: Path, error: ValidationError) -> str:
    name = spelled(path[-1:]) or "schema"
    if path and path[-1] == "required" and isinstance(error.instance, bool):
        return "'required' is a list of names next to 'properties', not true or false inside one of them."
    if error.validator == "type":
        return f"{name!r} must be {_one_of(error.validator_value)}, not {_short(error.instance)}."
    if error.validator == "enum":
        return f"{_short(error.instance)} is not one of {_short(error.validator_value)}."
    return f"{name!r} is not valid JSON Schema: {_cut(error.message)}."


def _one_of(kinds: Any) -> str:
    names = kinds if isinstance(kinds, list) else [kinds]
    articles = {"array": "a list", "object": "a mapping", "integer": "an integer", "boolean": "true or false"}
    return " or ".join(articles.get(name, f"a {name}") for name in names)


def _short(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= 100 else text[:97] + "…"
