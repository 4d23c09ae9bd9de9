"""The schema dialect of skills, and its translation to JSON Schema 2020-12.

On top of JSON Schema a skill may write the types `text` and `color`, and the file types `image`, `video`,
`audio` and `file`. A file is a URL, a `data:` URL or a drive path as a string, or an object with one of
`drive_path`, `url`, `data` and `base64`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

Schema = dict[str, Any]

JSON_TYPES: Final = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})
FILE_TYPES: Final = frozenset({"image", "video", "audio", "file"})
DIALECT_TYPES: Final = JSON_TYPES | FILE_TYPES | {"text", "color"}
FILE_KEYS: Final = ("drive_path", "url", "data", "base64")
COLOR_PATTERN: Final = "^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"

SCHEMA_KEYWORDS: Final = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)
"""Keywords whose value is a schema."""
SCHEMA_LIST_KEYWORDS: Final = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
"""Keywords whose value is a list of schemas."""
SCHEMA_MAP_KEYWORDS: Final = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
"""Keywords whose value maps names to schemas."""
SAME_VALUE_KEYWORDS: Final = frozenset(
    {"allOf", "anyOf", "oneOf", "if", "then", "else", "not", "dependentSchemas"}
)
"""Keywords whose schemas apply to the same value as the schema that contains them."""


def to_json_schema(schema: Any) -> Any:
    """Return the schema in plain JSON Schema 2020-12; a second translation changes nothing."""
    if not isinstance(schema, dict):
        return schema
    result = map_subschemas(schema, to_json_schema)
    types = result.get("type")
    if isinstance(types, str):
        return _translated(result, types)
    if isinstance(types, list) and any(_is_dialect(kind) for kind in types):
        return _union(result, types)
    return result


def file_kind(schema: Any) -> str | None:
    """Return `image`, `video`, `audio` or `file` if the schema, as authored, accepts a file."""
    kind = schema.get("type") if isinstance(schema, dict) else None
    kinds = kind if isinstance(kind, list) else [kind]
    return next((kind for kind in kinds if isinstance(kind, str) and kind in FILE_TYPES), None)


def map_subschemas(
    schema: Schema, change: Callable[[Any], Any], *, skip: frozenset[str] = frozenset()
) -> Schema:
    """Return a copy of the schema with a change applied to every schema directly inside it."""
    result: Schema = {}
    for keyword, value in schema.items():
        if keyword in skip:
            result[keyword] = value
        elif keyword in SCHEMA_MAP_KEYWORDS and isinstance(value, dict):
            result[keyword] = {name: change(inner) for name, inner in value.items()}
        elif keyword in SCHEMA_LIST_KEYWORDS and isinstance(value, list):
            result[keyword] = [change(inner) for inner in value]
        elif keyword in SCHEMA_KEYWORDS:
            result[keyword] = change(value)
        else:
            result[keyword] = value
    return result


def _is_dialect(kind: Any) -> bool:
    return isinstance(kind, str) and kind in DIALECT_TYPES - JSON_TYPES


def _translated(schema: Schema, kind: str) -> Schema:
    if kind == "text":
        return {**schema, "type": "string"}
    if kind == "color":
        return {"pattern": COLOR_PATTERN, **schema, "type": "string"}
    if kind in FILE_TYPES:
        rest = {keyword: value for keyword, value in schema.items() if keyword != "type"}
        if "oneOf" in rest or "anyOf" in rest:
            return rest
        return {**rest, "oneOf": _file_forms(), "x-puras": _marked(rest.get("x-puras"), kind)}
    return schema


def _union(schema: Schema, types: list[Any]) -> Schema:
    """Replace a list of types that has dialect types by `anyOf`, with one branch per dialect type."""
    rest = {keyword: value for keyword, value in schema.items() if keyword != "type"}
    plain = [kind for kind in types if not _is_dialect(kind)]
    branches = [_translated({"type": kind}, kind) for kind in types if _is_dialect(kind)]
    if plain:
        branches.append({"type": plain if len(plain) > 1 else plain[0]})
    if "anyOf" in rest:
        return {**rest, "allOf": [*rest.get("allOf", []), {"anyOf": branches}]}
    return {**rest, "anyOf": branches}


def _file_forms() -> list[Schema]:
    some_text = {"type": "string", "minLength": 1}
    return [
        some_text,
        {
            "type": "object",
            "properties": dict.fromkeys(FILE_KEYS, some_text),
            "anyOf": [{"required": [key]} for key in FILE_KEYS],
        },
    ]


def _marked(hints: Any, kind: str) -> Schema:
    return {"type": kind, **(hints if isinstance(hints, dict) else {})}
