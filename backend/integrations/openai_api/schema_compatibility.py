"""Compare two JSON Schemas: whether each value that one promises is valid for the other.

The comparison is conservative: it accepts only what it can show, for the keywords that SDKs generate from types.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any, Final

Schema = dict[str, Any]

MAX_DEPTH: Final = 32
MAX_STEPS: Final = 5_000
"""A schema that refers to itself could need millions."""
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EQUAL: Final = (
    "pattern",
    "multipleOf",
    "uniqueItems",
    "not",
    "contains",
    "patternProperties",
    "propertyNames",
)
_EQUAL_OR_UNSUPPORTED: Final = (
    *_EQUAL,
    "if",
    "dependentSchemas",
    "dependentRequired",
    "unevaluatedProperties",
)


def mismatch(promised: Schema, requested: Schema) -> str | None:
    """Return why a value that is valid for `promised` may be invalid for `requested`; `None` if each one is valid."""
    return next(_Comparison(promised, requested).problems(promised, requested, "", 0), None)


class _Comparison:
    """Resolves the references of both schemas."""

    def __init__(self, promised_root: Schema, requested_root: Schema) -> None:
        self._promised_root = promised_root
        self._requested_root = requested_root
        self._steps = 0

    def problems(self, promised: Any, requested: Any, path: str, depth: int) -> Iterator[str]:
        """Iterate over the reasons why values of `promised` may be invalid for `requested`."""
        where = path or "the result"
        self._steps += 1
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            yield f"{where} is nested too deeply to compare."
            return
        offered, wanted = _resolved(promised, self._promised_root), _resolved(requested, self._requested_root)
        if wanted is True or wanted == {} or offered == wanted:
            return
        if not isinstance(wanted, dict) or not isinstance(offered, dict):
            yield f"{where} has no schema that can be compared."
        elif any(key in offered for key in ("anyOf", "oneOf")):
            yield from self._each_branch(offered, wanted, path, depth)
        elif any(key in wanted for key in ("anyOf", "oneOf")):
            yield from self._some_branch(offered, wanted, path, depth)
        else:
            yield from self._own_problems(offered, wanted, path, depth)

    def _each_branch(self, offered: Schema, wanted: Schema, path: str, depth: int) -> Iterator[str]:
        for branch in offered.get("anyOf") or offered.get("oneOf") or ():
            yield from self.problems(branch, wanted, path, depth + 1)

    def _some_branch(self, offered: Schema, wanted: Schema, path: str, depth: int) -> Iterator[str]:
        branches = wanted.get("anyOf") or wanted.get("oneOf") or ()
        types = _types(offered)
        alone = [{**offered, "type": one} for one in types] if types and len(types) > 1 else [offered]
        for part in alone:
            if all(next(self.problems(part, branch, path, depth + 1), None) for branch in branches):
                yield f"{path or 'the result'} is valid for none of the alternatives."

    def _own_problems(self, offered: Schema, wanted: Schema, path: str, depth: int) -> Iterator[str]:
        where = path or "the result"
        yield from _value_problems(offered, wanted, where)
        for key in _EQUAL_OR_UNSUPPORTED:
            if key in wanted and wanted[key] != offered.get(key):
                yield f"{where} does not have the same {key!r}."
        for part in wanted.get("allOf", ()):
            yield from self.problems(offered, part, path, depth + 1)
        if "properties" in wanted or "required" in wanted or "additionalProperties" in wanted:
            yield from self._object_problems(offered, wanted, path, depth)
        if "items" in wanted and "array" in (_types(offered) or ("array",)):
            yield from self.problems(offered.get("items", {}), wanted["items"], f"{path}[]", depth + 1)

    def _object_problems(self, offered: Schema, wanted: Schema, path: str, depth: int) -> Iterator[str]:
        properties, requested = offered.get("properties") or {}, wanted.get("properties") or {}
        prefix = f"{path}." if path else ""
        for name in wanted.get("required", ()):
            if name not in offered.get("required", ()):
                yield f"{prefix}{name} is not part of each result."
        others = wanted.get("additionalProperties", True)
        for name, schema in properties.items():
            if name in requested:
                yield from self.problems(schema, requested[name], f"{prefix}{name}", depth + 1)
            elif others is False:
                yield f"{prefix}{name} is not in the requested schema."
            else:
                yield from self.problems(schema, others, f"{prefix}{name}", depth + 1)
        is_open = offered.get("additionalProperties") not in (None, False) or not properties
        if others is False and is_open:
            yield f"{path or 'the result'} can have fields that are not declared."


def _value_problems(offered: Schema, wanted: Schema, where: str) -> Iterator[str]:
    requested = _types(wanted)
    if requested is not None:
        yield from _type_problems(offered, requested, where)
    if "enum" in wanted or "const" in wanted:
        allowed = wanted.get("enum", [wanted.get("const")])
        values = offered.get("enum", [offered["const"]] if "const" in offered else None)
        if values is None or not all(value in allowed for value in values):
            yield f"{where} can have values that are not in the requested list."
    for keys, is_tighter in ((_LOWER, operator.ge), (_UPPER, operator.le)):
        for key in keys:
            if key in wanted and not (key in offered and is_tighter(offered[key], wanted[key])):
                yield f"{where} is not limited by {key!r}."


def _type_problems(offered: Schema, requested: tuple[str, ...], where: str) -> Iterator[str]:
    types = _types(offered)
    accepted = {*requested, "integer"} if "number" in requested else {*requested}
    if types is None and "enum" not in offered and "const" not in offered:
        yield f"{where} can have any type, not only {' or '.join(requested)}."
    elif types is not None and not {*types} <= accepted:
        yield f"{where} is of type {' or '.join(types)}, not {' or '.join(requested)}."


def _types(schema: Schema) -> tuple[str, ...] | None:
    kind = schema.get("type")
    if kind is None:
        return ("object",) if "properties" in schema else None
    return (kind,) if isinstance(kind, str) else tuple(kind)


def _resolved(schema: Any, root: Schema) -> Any:
    """Return the schema, or the one that it refers to."""
    for _ in range(MAX_DEPTH):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str) or not reference.startswith("#"):
            return schema
        node: Any = root
        for name in reference.lstrip("#/").split("/"):
            if name:
                node = (
                    node.get(name.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
                )
        schema = node
    return schema
