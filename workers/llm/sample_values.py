"""Generate deterministic sample values of a JSON Schema."""

from __future__ import annotations

import math
from typing import Any, Final

from backend.skills.schemas.patterns import PatternRefusedError, compiled

_Schema = dict[str, Any]

_MAX_DEPTH: Final = 12
_MAX_PARTS: Final = 5_000  # of one value: recursive schemas could lead to millions
_MAX_LENGTH: Final = 10_000
_FORMATS: Final = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "sample@example.org",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.org/sample",
    "uri-reference": "/sample",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "json-pointer": "/sample",
    "regex": ".*",
}
_CANDIDATES: Final = (
    *("sample", "Sample", "SAMPLE", "#336699", "a", "A", "1", "12", "123", "1234", "12345", "abc", "ABC"),
    *("a-b", "a_b", "a.b", "A1", "AB-12", "AB-1234", "en", "en-US", "EUR", "+491234567", "1.0.0", "v1.0.0"),
    *("12:30", "2026-01-31", "sample.txt", "sample/sample", "https://example.org", "sample@example.org"),
)
"""Candidates for common patterns."""


def sample(schema: Any) -> Any:
    """Return a value that is valid for the schema, if a simple one is."""
    return _Sampler(schema if isinstance(schema, dict) else {}).of(schema, 0)


class _Sampler:
    def __init__(self, root: _Schema) -> None:
        self._root = root
        self._parts = 0

    def of(self, schema: Any, depth: int) -> Any:
        """Return a value for a part of the schema."""
        self._parts += 1
        if not isinstance(schema, dict) or depth > _MAX_DEPTH or self._parts > _MAX_PARTS:
            return "sample"
        schema = self._resolved(schema)
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        for key in ("enum", "examples"):
            if isinstance(schema.get(key), list) and schema[key]:
                return schema[key][0]
        for key in ("anyOf", "oneOf"):
            if isinstance(schema.get(key), list) and schema[key]:
                rest = {name: value for name, value in schema.items() if name != key}
                return self.of(_merged(rest, self._resolved(schema[key][0])), depth + 1)
        return self._of_type(schema, _type_of(schema), depth)

    def _of_type(self, schema: _Schema, kind: str, depth: int) -> Any:
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, depth)
        if kind in ("integer", "number"):
            return _number(schema, is_whole=kind == "integer")
        return {"boolean": True, "null": None}[kind] if kind in ("boolean", "null") else _text(schema)

    def _object(self, schema: _Schema, depth: int) -> _Schema:
        """Return all declared properties that are not private to the runner, and other required ones."""
        properties: _Schema = schema.get("properties", {})
        required: list[str] = schema.get("required", [])
        names = [name for name in properties if not name.startswith("_") or name in required]
        value = {name: self.of(properties[name], depth + 1) for name in names}
        for name in required:
            value.setdefault(name, self.of(schema.get("additionalProperties", {}), depth + 1))
        return value

    def _array(self, schema: _Schema, depth: int) -> list[Any]:
        value = [self.of(item, depth + 1) for item in schema.get("prefixItems", [])]
        items = schema.get("items", {})
        minimum = max(schema.get("minItems", 0), 0 if value or items is False else 1)
        maximum = schema.get("maxItems", math.inf)
        while len(value) < min(minimum, maximum, 100):
            item = self.of(items, depth + 1)
            number = len(value) + 1
            if schema.get("uniqueItems") and item in value:
                item = _distinct(item, number, items)
            value.append(item)
        return value

    def _resolved(self, schema: Any) -> _Schema:
        """Return the schema with references resolved and `allOf` merged."""
        if not isinstance(schema, dict):
            return {}
        for _ in range(_MAX_DEPTH):
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                break
            rest = {name: value for name, value in schema.items() if name != "$ref"}
            schema = _merged(rest, self._at_reference(reference))
        merged = {name: value for name, value in schema.items() if name != "allOf"}
        for part in schema.get("allOf", []):
            merged = _merged(merged, self._resolved(part))
        return merged

    def _at_reference(self, reference: str) -> _Schema:
        node: Any = self._root
        for name in reference.removeprefix("#").strip("/").split("/"):
            if name:
                node = (
                    node.get(name.replace("~1", "/").replace("~0", "~"), {}) if isinstance(node, dict) else {}
                )
        return node if isinstance(node, dict) else {}


def _merged(one: _Schema, other: _Schema) -> _Schema:
    both = {**other, **one}
    for key in ("properties", "required"):
        if key in one and key in other:
            both[key] = (
                {**other[key], **one[key]}
                if key == "properties"
                else [*dict.fromkeys([*other[key], *one[key]])]
            )
    return both


def _type_of(schema: _Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if isinstance(kind, str):
        return kind
    if "properties" in schema or "required" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def _number(schema: _Schema, *, is_whole: bool) -> int | float:
    """Return the simplest valid number: 1, else one at an end of the range or in its middle."""
    step = schema.get("multipleOf", 1)
    low = max((schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema), default=None)
    high = min((schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema), default=None)
    candidates: list[Any] = [1, 0]
    for end in (low, high):
        if end is not None:
            multiple = end // step * step
            candidates += [end, multiple, multiple + step, multiple - step, multiple + 2 * step]
    if low is not None and high is not None:
        candidates.append((low + high) / 2)
    plain = [int(value) if float(value).is_integer() else value for value in candidates]
    fitting = (value for value in plain if _is_within(schema, value, is_whole=is_whole))
    return next(fitting, plain[0])


def _is_within(schema: _Schema, value: int | float, *, is_whole: bool) -> bool:
    return (
        not (is_whole and isinstance(value, float))
        and value >= schema.get("minimum", -math.inf)
        and value <= schema.get("maximum", math.inf)
        and not value <= schema.get("exclusiveMinimum", -math.inf)
        and not value >= schema.get("exclusiveMaximum", math.inf)
        and ("multipleOf" not in schema or value % schema["multipleOf"] == 0)
    )


def _text(schema: _Schema) -> str:
    minimum, maximum = schema.get("minLength", 0), schema.get("maxLength", _MAX_LENGTH)
    text = _FORMATS.get(schema.get("format", ""), "sample")
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        text = next((one for one in (text, *_CANDIDATES) if _fits(pattern, one, minimum, maximum)), text)
    if len(text) < minimum:
        text = (text * (minimum // len(text) + 1))[: min(max(minimum, 1), _MAX_LENGTH)]
    return text[:maximum]


def _fits(pattern: str, text: str, minimum: int, maximum: int) -> bool:
    try:
        return minimum <= len(text) <= maximum and bool(compiled(pattern).search(text))
    except PatternRefusedError:
        return False


def _distinct(value: Any, number: int, schema: Any) -> Any:
    choices = schema.get("enum", []) if isinstance(schema, dict) else []
    if len(choices) >= number:
        return choices[number - 1]
    if isinstance(value, str):
        return f"{value}{number}"
    return value + number - 1 if isinstance(value, int | float) and not isinstance(value, bool) else value
