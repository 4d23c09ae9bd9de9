"""Resolve `$ref` inside one schema; no other kind is supported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from backend.skills.schemas.messages import Path
from backend.skills.schemas.schema_dialect import (
    SAME_VALUE_KEYWORDS,
    SCHEMA_KEYWORDS,
    SCHEMA_LIST_KEYWORDS,
    SCHEMA_MAP_KEYWORDS,
    Schema,
)


def target(root: Schema, reference: Any) -> Any:
    """Return the target of a local reference, or None."""
    if reference == "#":
        return root
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    found: Any = root
    for part in unquote(reference[2:]).split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, dict):
            found = found.get(name)
        elif isinstance(found, list) and name.isdecimal() and int(name[:9]) < len(found):
            found = found[int(name[:9])]
        else:
            return None
    return found


def subschemas(schema: Any, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """Yield the schema and every schema inside it, each with its path; references are not followed."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword, value in schema.items():
        for inner_path, inner in _directly_inside(keyword, value):
            yield from subschemas(inner, (*path, *inner_path))


def same_value(schema: Schema, root: Schema, *, all_hold: bool = False) -> tuple[Schema, ...]:
    """Yield the schema and those that apply to the same value, with references followed.

    With `all_hold`, yield only those that every valid value satisfies: `allOf` and `$ref`.
    """
    seen: dict[int, Schema] = {}
    waiting: list[Any] = [schema]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, dict) or id(part) in seen:
            continue
        seen[id(part)] = part
        if "$ref" in part:
            waiting.append(target(root, part["$ref"]))
        keywords = ("allOf",) if all_hold else ("allOf", "anyOf", "oneOf", "then", "else", "dependentSchemas")
        for keyword in keywords:
            waiting.extend(inner for _, inner in _directly_inside(keyword, part.get(keyword)))
    return tuple(seen.values())


def is_endless(root: Schema) -> bool:
    """Return whether references form a cycle without descending into the value."""
    done: set[int] = set()
    try:
        return any(_circles(schema, root, done, []) for _, schema in subschemas(root))
    except RecursionError:  # a chain of hundreds of references, which no ordinary schema has
        return True


def _circles(schema: Any, root: Schema, done: set[int], trail: list[int]) -> bool:
    if not isinstance(schema, dict) or id(schema) in done:
        return False
    if id(schema) in trail:
        return True
    trail.append(id(schema))
    following = [target(root, schema["$ref"])] if "$ref" in schema else []
    for keyword in SAME_VALUE_KEYWORDS & schema.keys():
        following.extend(inner for _, inner in _directly_inside(keyword, schema[keyword]))
    circles = any(_circles(inner, root, done, trail) for inner in following)
    trail.pop()
    done.add(id(schema))
    return circles


def _directly_inside(keyword: str, value: Any) -> Iterator[tuple[Path, Any]]:
    if keyword in SCHEMA_MAP_KEYWORDS and isinstance(value, dict):
        for name, inner in value.items():
            yield (keyword, name), inner
    elif keyword in SCHEMA_LIST_KEYWORDS and isinstance(value, list):
        for index, inner in enumerate(value):
            yield (keyword, index), inner
    elif keyword in SCHEMA_KEYWORDS:
        yield (keyword,), value
