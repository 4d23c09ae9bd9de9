"""The fields of a schema as rows of a table; the fields of nested objects and arrays follow their parent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_MAX_DEPTH: Final = 6
_RULES: Final = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches {}",
    "format": "{}",
    "multipleOf": "a multiple of {}",
}


@dataclass
class FieldRow:
    """A field of the input or output schema."""

    path: str
    """The path, such as `customer.name` or `pages[].image`."""
    type: str
    is_required: bool
    description: str
    rules: str


def rows_of(schema: dict[str, Any]) -> list[FieldRow]:
    """Return the rows of the fields of an object schema."""
    return list(_rows(schema, "", _MAX_DEPTH))


def _rows(schema: dict[str, Any], before: str, depth: int) -> Iterator[FieldRow]:
    required = schema.get("required", [])
    for name, one in schema.get("properties", {}).items():
        if not isinstance(one, dict):
            continue
        path = before + name
        yield FieldRow(path, type_of(one), name in required, str(one.get("description", "")), _rules(one))
        inner, suffix = one, "."
        while isinstance(inner.get("items"), dict):
            inner, suffix = inner["items"], f"[]{suffix}"
        if depth > 1:
            yield from _rows(inner, path + suffix, depth - 1)


def type_of(schema: dict[str, Any]) -> str:
    """Return the type as text, such as `integer`, `image`, `string[]` or `"small" | "large"`."""
    if schema.get("enum"):
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    kind = schema.get("type") or ("object" if "properties" in schema else "any")
    if isinstance(kind, list):
        return " | ".join(kind)
    if kind == "array":
        items = schema.get("items")
        inner = type_of(items) if isinstance(items, dict) else "any"
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    return str(kind)


def _rules(schema: dict[str, Any]) -> str:
    rules = [_rule(template, schema[name]) for name, template in _RULES.items() if name in schema]
    if "default" in schema:
        rules.append(f"default {json.dumps(schema['default'], ensure_ascii=False)}")
    return ", ".join(rules)


def _rule(template: str, value: Any) -> str:
    """Return the text of a rule, with a singular noun for 1."""
    return (template.removesuffix("s") if value == 1 else template).format(value)
