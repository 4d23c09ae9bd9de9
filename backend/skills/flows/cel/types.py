"""Describe the types of expressions, and derive them from JSON Schemas and JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from backend.skills.schemas import references
from backend.skills.schemas.schema_dialect import Schema, file_kind

Kind = Literal["dyn", "null", "bool", "int", "double", "number", "string", "list", "object"]
"""`number` is an `int` or a `double`: JSON Schema does not distinguish them. Of `dyn` nothing is known."""

MAX_TYPES: Final = 5_000
"""Maximum types that are derived from one schema; the others are `dyn`."""
MAX_TYPE_DEPTH: Final = 16


@dataclass(frozen=True, slots=True)
class Type:
    """The type of an expression."""

    kind: Kind
    item: Type | None = None
    """Elements of a list, or undeclared fields of an object; `None` for an object with declared fields only."""
    fields: Mapping[str, Type] = field(default_factory=dict)
    """Declared fields of an object."""
    optional: frozenset[str] = frozenset()
    """Declared fields that may be missing."""
    is_nullable: bool = False

    def __str__(self) -> str:
        name = f"list of {self.item}" if self.kind == "list" and self.item is not None else _NAMES[self.kind]
        return f"{name} or null" if self.is_nullable else name


_NAMES: Final[dict[Kind, str]] = {
    "dyn": "any value",
    "null": "null",
    "bool": "boolean",
    "int": "integer",
    "double": "decimal number",
    "number": "number",
    "string": "text",
    "list": "list",
    "object": "object",
}

DYN: Final = Type("dyn")
NULL: Final = Type("null")
BOOL: Final = Type("bool")
INT: Final = Type("int")
DOUBLE: Final = Type("double")
NUMBER: Final = Type("number")
STRING: Final = Type("string")
LIST: Final = Type("list", DYN)
OBJECT: Final = Type("object", DYN)
NUMERIC: Final = frozenset({"int", "double", "number"})

_SCALARS: Final[dict[str, Type]] = {
    "string": STRING,
    "text": STRING,
    "color": STRING,
    "integer": INT,
    "number": NUMBER,
    "boolean": BOOL,
    "null": NULL,
}


def list_of(item: Type) -> Type:
    """Return the type of a list."""
    return Type("list", item)


def object_of(fields: Mapping[str, Type], optional: frozenset[str] = frozenset()) -> Type:
    """Return the type of an object that has only these fields."""
    return Type("object", None, fields, optional)


def nullable(kind: Type) -> Type:
    """Return the type of a value that may be null as well."""
    return kind if kind.kind in ("dyn", "null") else replace(kind, is_nullable=True)


def common(first: Type, second: Type) -> Type:
    """Return the type of a value that has one of two types."""
    if first == second:
        return first
    if first.kind == "null":
        return nullable(second)
    if second.kind == "null":
        return nullable(first)
    is_nullable = first.is_nullable or second.is_nullable
    if first.kind in NUMERIC and second.kind in NUMERIC:
        merged = first if first.kind == second.kind else NUMBER
    elif first.kind == second.kind == "list" and first.item is not None and second.item is not None:
        merged = list_of(common(first.item, second.item))
    elif first.kind == second.kind == "object":
        merged = OBJECT
    elif first.kind == second.kind:
        merged = first
    else:
        return DYN
    return replace(merged, is_nullable=is_nullable)


def type_of_value(value: Any) -> Type:
    """Return the type of a JSON value."""
    if isinstance(value, list):
        item = DYN
        for index, one in enumerate(value[:100]):
            item = type_of_value(one) if index == 0 else common(item, type_of_value(one))
        return list_of(item)
    if isinstance(value, dict):
        return object_of({name: type_of_value(one) for name, one in value.items()})
    if value is None:
        return NULL
    if isinstance(value, bool):
        return BOOL
    if isinstance(value, int):
        return INT
    return DOUBLE if isinstance(value, float) else STRING


def type_of_schema(schema: Any, *, is_output: bool = False, is_wanted: bool = False) -> Type:
    """Return the type of values that are valid for a schema of a skill.

    Args:
        schema: The schema, as authored.
        is_output: Whether every declared property is required in an object without its own `required`.
        is_wanted: Whether a value has to be valid for the schema, so that fields with a default may be missing.
    """
    return _Derivation(schema, is_output=is_output, is_wanted=is_wanted).of(schema, 0)


class _Derivation:
    """One traversal of a schema."""

    def __init__(self, root: Any, *, is_output: bool, is_wanted: bool) -> None:
        self._root = root if isinstance(root, dict) else {}
        self._is_output = is_output
        self._is_wanted = is_wanted
        self._left = MAX_TYPES

    def of(self, schema: Any, depth: int) -> Type:
        self._left -= 1
        if not isinstance(schema, dict) or depth > MAX_TYPE_DEPTH or self._left < 0 or file_kind(schema):
            return DYN
        if "$ref" in schema:
            return self.of(references.target(self._root, schema["$ref"]), depth + 1)
        for keyword in ("anyOf", "oneOf"):
            if isinstance(schema.get(keyword), list):
                return self._one_of(schema[keyword], depth)
        if "allOf" in schema or "not" in schema or "if" in schema:
            return self._all_of(schema, depth)
        return self._plain(schema, depth)

    def _one_of(self, forms: list[Any], depth: int) -> Type:
        if not forms or len(forms) > 20:
            return DYN
        found = self.of(forms[0], depth + 1)
        for form in forms[1:]:
            found = common(found, self.of(form, depth + 1))
        return found

    def _all_of(self, schema: Schema, depth: int) -> Type:
        """Return the type of the schema itself, with fields of further schemas unknown."""
        own = self._plain({name: one for name, one in schema.items() if name != "allOf"}, depth)
        return replace(own, item=DYN) if own.kind == "object" else own

    def _plain(self, schema: Schema, depth: int) -> Type:
        kind = schema.get("type")
        if isinstance(kind, list):
            kinds = [one for one in kind if one != "null"]
            if len(kinds) != 1:
                return DYN if kinds else NULL
            inner = self._plain({**schema, "type": kinds[0]}, depth)
            return nullable(inner) if len(kinds) < len(kind) else inner
        if kind is None:
            return self._without_type(schema, depth)
        if kind == "array":
            return list_of(DYN if "prefixItems" in schema else self.of(schema.get("items"), depth + 1))
        if kind == "object":
            return self._object(schema, depth)
        return _SCALARS.get(kind, DYN) if isinstance(kind, str) else DYN

    def _without_type(self, schema: Schema, depth: int) -> Type:
        if "const" in schema:
            return type_of_value(schema["const"])
        if isinstance(schema.get("enum"), list):
            item = type_of_value(schema["enum"]).item
            return item or DYN
        # Inputs and results are objects even if the schema has no type.
        return self._object(schema, depth) if "properties" in schema else DYN

    def _object(self, schema: Schema, depth: int) -> Type:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            other = schema.get("additionalProperties")
            return Type("object", self.of(other, depth + 1) if isinstance(other, dict) else DYN)
        fields = {name: self.of(inner, depth + 1) for name, inner in properties.items()}
        required = schema.get("required")
        if isinstance(required, list):
            optional = fields.keys() - {one for one in required if isinstance(one, str)}
        else:
            optional = set() if self._is_output else set(fields)
        has_default = {
            name for name, inner in properties.items() if isinstance(inner, dict) and "default" in inner
        }
        is_open = any(
            schema.get(keyword) not in (None, False)
            for keyword in ("additionalProperties", "unevaluatedProperties", "patternProperties")
        )
        may_be_missing = optional | has_default if self._is_wanted else optional - has_default
        return Type("object", DYN if is_open else None, fields, frozenset(may_be_missing))
