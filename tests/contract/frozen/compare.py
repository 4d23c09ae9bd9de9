"""Compare a frozen contract with the current one, and classify each difference for the programs of callers.

A contract is a JSON document. Dictionaries are compared key by key, lists as sets. A value under the key
`request_schema` or `response_schema` is a JSON Schema, and is compared by what callers may send or will receive.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

Json = Any
Direction = Literal["request", "response"]

_DIRECTIONS: Final[dict[str, Direction]] = {"request_schema": "request", "response_schema": "response"}
_UPPER_BOUNDS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER_BOUNDS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_TYPES: Final = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_ABSENT: Final = object()


class Difference(NamedTuple):
    """One difference between a frozen contract and the current one."""

    kind: Literal["added", "breaking"]
    path: str
    """Keys from the outermost to the innermost, separated by ` > `."""
    change: str


def compare(before: Json, after: Json) -> list[Difference]:
    """Return all differences between two versions of a contract."""
    return list(_Comparison(before, after).values(before, after, ""))


def compare_descriptions(before: Json, after: Json) -> list[Difference]:
    """Return all differences between two OpenAPI descriptions."""
    comparison = _Comparison(before, after)
    return list(comparison.values(operations(before), operations(after), ""))


def operations(description: Mapping[str, Json]) -> dict[str, Json]:
    """Return what each operation takes and returns, by its method and path.

    Names of path parameters are not sent, so they are left out. Responses that report an error all have the same
    shape, and the contract of the error codes covers them.
    """
    found = {}
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            body = operation.get("requestBody", {})
            requested = {"required": body.get("required", False), **_contents(body, "request_schema")}
            found[f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}"] = {
                "operationId": operation["operationId"],
                "access": "key" if operation.get("security") else "open",
                "parameters": {
                    f"{one['in']} {one['name']}": {
                        "required": one.get("required", False),
                        "request_schema": one.get("schema", {}),
                    }
                    for one in operation.get("parameters", ())
                    if one["in"] != "path"
                },
                **({"request": requested} if body else {}),
                "responses": {
                    status: {
                        **_contents(response, "response_schema"),
                        "headers": sorted(response.get("headers", ())),
                    }
                    for status, response in operation["responses"].items()
                    if status < "400"
                },
            }
    return found


def _contents(part: Mapping[str, Json], key: str) -> dict[str, Json]:
    return {media: {key: content.get("schema", {})} for media, content in part.get("content", {}).items()}


class _Comparison:
    """Of two documents; references to their components are followed once for each direction."""

    def __init__(self, before: Json, after: Json) -> None:
        self._documents = (before, after)
        self._seen: set[tuple[Json, ...]] = set()

    def values(self, before: Json, after: Json, path: str, key: str = "") -> Iterator[Difference]:
        """Yield the differences of any two values."""
        if key in _DIRECTIONS:
            roots = (
                _with_components(self._documents[0], before),
                _with_components(self._documents[1], after),
            )
            yield from _SchemaComparison(roots, _DIRECTIONS[key], self._seen).schemas(before, after, path)
        elif isinstance(before, dict) and isinstance(after, dict):
            for name in before | after:
                inner = path if name in _DIRECTIONS else _below(path, name)
                if name not in after:
                    yield Difference("breaking", inner, "removed")
                elif name not in before:
                    yield _addition(after[name], inner)
                else:
                    yield from self.values(before[name], after[name], inner, name)
        elif isinstance(before, list) and isinstance(after, list):
            yield from _lists(before, after, path)
        elif before != after or type(before) is not type(after):
            is_relaxed = key == "required" and before is True
            yield Difference("added" if is_relaxed else "breaking", path, _changed(before, after))


def _addition(value: Json, path: str) -> Difference:
    """Return the difference of something new, which breaks callers when they must send it."""
    if isinstance(value, dict) and value.get("required") is True:
        return Difference("breaking", path, "added as required")
    return Difference("added", path, "added")


def _lists(before: list[Json], after: list[Json], path: str) -> Iterator[Difference]:
    for value in before:
        if value not in after:
            yield Difference("breaking", _below(path, value), "removed")
    for value in after:
        if value not in before:
            yield Difference("added", _below(path, value), "added")


class _SchemaComparison:
    """Of JSON Schemas that callers send (`request`) or receive (`response`)."""

    def __init__(
        self, roots: tuple[Json, Json], direction: Direction, seen: set[tuple[Json, ...]] | None = None
    ) -> None:
        self._before, self._after = roots
        self._is_request = direction == "request"
        self._direction = direction
        self._components = set() if seen is None else seen
        self._definitions: set[tuple[Json, ...]] = set()

    def schemas(self, before: Json, after: Json, path: str) -> Iterator[Difference]:
        """Yield the differences of two schemas, each of which may allow several types."""
        yield from self._defaults(before, after, path)
        old, new = _variants(before, self._before), _variants(after, self._after)
        for kind, variant in old.items():
            if kind in new:
                inner = path if kind in _TYPES.values() else f"{path} <{kind}>"
                yield from self._variant(variant, new[kind], inner)
            elif not self._is_request:
                yield Difference("added", f"{path} <{kind}>", "type no longer returned")
            elif "any" not in new and not (kind == "integer" and "number" in new):
                yield Difference("breaking", f"{path} <{kind}>", "type removed")
        for kind in new.keys() - old.keys():
            is_narrower = "any" in old or (kind == "integer" and "number" in old)
            is_breaking = not self._is_request and not is_narrower
            yield Difference("breaking" if is_breaking else "added", f"{path} <{kind}>", "type added")

    def _variant(self, before: Json, after: Json, path: str) -> Iterator[Difference]:
        old_reference, new_reference = before.get("$ref"), after.get("$ref")
        if old_reference and new_reference:
            is_component = old_reference.startswith("#/components/")
            seen = self._components if is_component else self._definitions
            pair = (old_reference, new_reference, self._direction)
            if pair in seen:
                return
            seen.add(pair)
            if is_component:  # reported once, under the name of the schema
                path = f"{self._direction} {old_reference.rpartition('/')[2]}"
        before, after = _resolved(before, self._before), _resolved(after, self._after)
        yield from self._limits(before, after, path)
        yield from self._fields(before, after, path)
        if isinstance(before.get("items"), dict) and isinstance(after.get("items"), dict):
            yield from self.schemas(before["items"], after["items"], f"{path}[]")
        others = before.get("additionalProperties", True), after.get("additionalProperties", True)
        if isinstance(others[0], dict) and isinstance(others[1], dict):
            yield from self.schemas(others[0], others[1], _below(path, "*"))
        elif self._is_request and others[0] is not False and others[1] is False:
            yield Difference("breaking", _below(path, "*"), "other fields are rejected")

    def _defaults(self, before: Json, after: Json, path: str) -> Iterator[Difference]:
        default = before.get("default", _ABSENT)
        if self._is_request and default is not _ABSENT and default != after.get("default", _ABSENT):
            change = _changed(default, after["default"]) if "default" in after else "removed"
            yield Difference("breaking", path, f"default {change}")

    def _fields(self, before: Json, after: Json, path: str) -> Iterator[Difference]:
        old, new = before.get("properties", {}), after.get("properties", {})
        was_required, is_required = set(before.get("required", ())), set(after.get("required", ()))
        for name in old | new:
            inner = _below(path, name)
            if name not in new:
                yield Difference("breaking", inner, "removed")
            elif name not in old:
                must_send = self._is_request and name in is_required
                yield _addition({"required": must_send}, inner)
            else:
                if self._is_request and name in is_required - was_required:
                    yield Difference("breaking", inner, "newly required")
                if not self._is_request and name in was_required - is_required:
                    yield Difference("breaking", inner, "no longer always present")
                yield from self.schemas(old[name], new[name], inner)

    def _limits(self, before: Json, after: Json, path: str) -> Iterator[Difference]:
        if "enum" in before and "enum" in after:
            yield from _lists(before["enum"], after["enum"], path)
        if self._is_request and "enum" in after and "enum" not in before:
            yield Difference("breaking", path, "limited to listed values")
        if before.get("format") != after.get("format"):
            yield Difference("breaking", path, _changed(before.get("format"), after.get("format")))
        if not self._is_request:
            return
        narrowed = [name for name in _UPPER_BOUNDS if name in after and not _is_wider(after, before, name, 1)]
        narrowed += [
            name for name in _LOWER_BOUNDS if name in after and not _is_wider(after, before, name, -1)
        ]
        narrowed += ["pattern"] if after.get("pattern") not in (None, before.get("pattern")) else []
        for name in narrowed:
            yield Difference("breaking", path, f"{name} {_changed(before.get(name), after[name])}")


def _is_wider(after: Json, before: Json, name: str, sign: int) -> bool:
    return name in before and bool(sign * after[name] >= sign * before[name])


def _variants(schema: Json, root: Json) -> dict[str, Json]:
    """Return the alternatives that a schema allows by their types; a second object is `object 2`."""
    resolved = _resolved(schema, root)
    alternatives = resolved.get("anyOf") or resolved.get("oneOf")
    found: dict[str, Json] = {}
    if alternatives:
        several = (pair for one in alternatives for pair in _variants(one, root).items())
    else:
        several = ((kind, schema) for kind in _types_of(resolved))
    for kind, variant in several:
        word = kind.partition(" ")[0]
        count = sum(known.partition(" ")[0] == word for known in found)
        found[word if not count else f"{word} {count + 1}"] = variant
    return found


def _types_of(schema: Json) -> list[str]:
    if "type" in schema:
        return [schema["type"]] if isinstance(schema["type"], str) else list(schema["type"])
    if "enum" in schema:
        return list(dict.fromkeys(_TYPES.get(type(value), "null") for value in schema["enum"]))
    return ["object"] if "properties" in schema else ["array"] if "items" in schema else ["any"]


def _resolved(schema: Json, root: Json) -> Json:
    """Return a schema without a reference at its top, and with a constant as a list of one value."""
    if not isinstance(schema, dict):
        return {}
    while "$ref" in schema:
        found = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = {**found, **{name: value for name, value in schema.items() if name != "$ref"}}
    return {**schema, "enum": [schema["const"]]} if "const" in schema else schema


def _with_components(document: Json, schema: Json) -> Json:
    """Return what the references of a schema lead into: its own definitions and the components of its document."""
    components = document.get("components", {}) if isinstance(document, dict) else {}
    return {**schema, "components": components}


def _below(path: str, name: object) -> str:
    return f"{path} > {name}" if path else str(name)


def _changed(before: object, after: object) -> str:
    return f"changed from {before!r} to {after!r}"
