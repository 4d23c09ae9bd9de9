"""Read the operations of an OpenAPI document. References are followed only inside the document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from backend.authoring.api_tools.operations import (
    MAX_PARAMETERS,
    MAX_TEXT,
    METHODS,
    Credential,
    Operation,
    Parameter,
    Place,
    SourceInvalid,
    checked_url,
    identifier,
    quoted,
    secret_name,
    unused,
)
from backend.core.schemas import unstorable
from backend.skills.manifest.yaml_document import MAX_DOCUMENT_BYTES, read_document

MAX_OPERATIONS: Final = 200
# References repeat a part of a document any number of times, so its length does not limit what is read of it.
_MAX_DEPTH: Final = 4
_MAX_REFERENCES: Final = 20
_MAX_SCHEMAS: Final = 1_000
"""Schemas of one operation that are read; deeper ones are replaced by plain types."""
_MAX_SCHEMAS_OF_DOCUMENT: Final = 10_000
_MAX_CHARACTERS: Final = 1 << 20
"""Characters of the rules and descriptions of all schemas."""
_MAX_REFERENCE_CHARACTERS: Final = 300
_MAX_KEY_CHARACTERS: Final = 200
_MAX_URL_CHARACTERS: Final = 2_000
_MAX_VALUES: Final = 100
"""Values of an `enum`, and parts of an `allOf`."""
_MAX_CREDENTIALS: Final = 10
_KEPT: Final = ("enum", "default", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_READ: Final = (*_KEPT, "type", "description", "properties", "required", "items")
_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "object", "array"})
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")
_Json = Mapping[str, Any]


def operations_of(text: str) -> list[Operation]:
    """Return the operations of a document in JSON or YAML.

    Raises:
        SourceInvalid: It is not an OpenAPI 3 document with operations of a public server.
    """
    root = _root(text)
    if not str(root.get("openapi", "")).startswith("3."):
        raise SourceInvalid("The text is neither a curl command nor an OpenAPI 3 document.")
    found: list[Operation] = []
    document = _Document(root)
    for path, method, operation, item in _listed(root):
        if len(found) == MAX_OPERATIONS:
            break
        reader = _Reader(document, path, method, operation, item)
        found.append(reader.read(unused(reader.name, (one.name for one in found))))
    if not found:
        raise SourceInvalid("The document has no operations in 'paths'.")
    return found


def _root(text: str) -> _Json:
    try:
        value = json.loads(text, parse_constant=_rejected)
    except (ValueError, RecursionError):
        if len(text) > MAX_DOCUMENT_BYTES:
            raise SourceInvalid(
                f"YAML can have at most {MAX_DOCUMENT_BYTES >> 10} KiB. Write JSON."
            ) from None
        document = read_document("openapi.yaml", text.encode("utf-8", "replace"))
        if document.problems:
            first = document.problems[0]
            raise SourceInvalid(f"Line {first.line or 1}: {first.message}") from None
        value = document.value
    if not isinstance(value, dict):
        raise SourceInvalid("The text is neither a curl command nor an OpenAPI 3 document.")
    if problem := unstorable(value):
        raise SourceInvalid(f"The document cannot be used: {problem[:MAX_TEXT]}.")
    return value


def _listed(root: _Json) -> Iterator[tuple[str, str, _Json, _Json]]:
    for path, item in _mapping(root.get("paths")).items():
        for method in METHODS:
            operation = _mapping(item).get(method.lower())
            if isinstance(operation, dict):
                yield path, method, operation, item


class _Document:
    """The values of a document, and how much may still be read of it."""

    def __init__(self, root: _Json) -> None:
        self.root = root
        self.schemas_left = _MAX_SCHEMAS_OF_DOCUMENT
        self.characters_left = _MAX_CHARACTERS
        self._found: dict[str, Any] = {}

    def resolved(self, value: Any) -> _Json:
        """Return a mapping, or the one that it refers to."""
        for _ in range(_MAX_REFERENCES):
            reference = _mapping(value).get("$ref")
            if not isinstance(reference, str):
                return _mapping(value)
            if not reference.startswith("#/") or len(reference) > _MAX_REFERENCE_CHARACTERS:
                raise SourceInvalid(f"The reference {reference[:80]!r} leads out of the document.")
            if reference not in self._found:
                self._found[reference] = self._value_at(reference)
            value = self._found[reference]
        raise SourceInvalid("References of the document form a circle.")

    def _value_at(self, reference: str) -> Any:
        value: Any = self.root
        for key in reference[2:].split("/"):
            value = _mapping(value).get(key.replace("~1", "/").replace("~0", "~"))
        return value

    def rules_of(self, schema: _Json) -> dict[str, Any]:
        """Return the rules and the description of a schema, without long values; none if nothing may be read."""
        rules = {key: schema[key] for key in _KEPT if key in schema and _is_short(schema[key])}
        if description := _text(schema.get("description")):
            rules["description"] = description
        self.characters_left -= len(json.dumps(rules))
        return rules if self.characters_left >= 0 else {}


class _Reader:
    """Reads one operation."""

    def __init__(self, document: _Document, path: str, method: str, operation: _Json, item: _Json) -> None:
        self._document = document
        self._path = path
        self._method = method
        self._operation = operation
        self._item = item
        self._parameters: list[Parameter] = []
        self._schemas_left = _MAX_SCHEMAS
        name = str(operation.get("operationId") or f"{method} {path}")
        self.name = identifier(name[:_MAX_KEY_CHARACTERS])

    def read(self, name: str) -> Operation:
        """Return the operation; its `problem` says why no tool can be made of it."""
        text = _text(self._operation.get("summary")) or _text(self._operation.get("description"))
        description = text or f"Calls {self._method} {self._path}."[:MAX_TEXT]
        try:
            url = self._url()
            parameters = [*_list(self._item.get("parameters")), *_list(self._operation.get("parameters"))]
            for one in parameters[: 2 * MAX_PARAMETERS]:
                self._add_parameter(self._document.resolved(one))
            if len(parameters) > 2 * MAX_PARAMETERS:
                raise SourceInvalid(f"It has more than {MAX_PARAMETERS} parameters.")
            self._add_body()
            credentials = tuple(self._credentials(urlsplit(url).hostname or ""))
        except SourceInvalid as error:
            return Operation(name, self._method, self._path, description, problem=error.detail)
        return Operation(name, self._method, url, description, tuple(self._parameters), {}, credentials)

    def _url(self) -> str:
        servers = (
            self._operation.get("servers") or self._item.get("servers") or self._document.root.get("servers")
        )
        server = _mapping(next(iter(_list(servers)), None))
        variables = _mapping(server.get("variables"))

        def value_of(found: re.Match[str]) -> str:
            if found[1] not in variables:
                return found[0]
            default = _mapping(variables[found[1]]).get("default")
            return str(default)[:_MAX_URL_CHARACTERS] if isinstance(default, str | int) else ""

        base = _VARIABLE.sub(value_of, str(server.get("url", ""))[: _MAX_URL_CHARACTERS + 1])
        if "://" not in base:
            raise SourceInvalid(
                "The document names no server with a full URL. Add 'servers: [{url: https://…}]'."
            )
        if len(base) + len(self._path) > _MAX_URL_CHARACTERS:
            raise SourceInvalid(f"Its URL has more than {_MAX_URL_CHARACTERS:,} characters.")
        return checked_url(base).rstrip("/") + "/" + quoted(self._path.lstrip("/"))

    def _add(self, key: str, place: Place, schema: Any, description: Any, *, is_required: bool) -> None:
        if len(self._parameters) == MAX_PARAMETERS:
            raise SourceInvalid(f"It has more than {MAX_PARAMETERS} parameters.")
        _check_key(key)
        plain = self._schema(schema)
        text = _text(description) or plain.get("description")
        name = unused(identifier(key), (one.name for one in self._parameters))
        described = {**plain, **({"description": text} if text else {})}
        self._parameters.append(Parameter(name, key, place, described, is_required))

    def _add_parameter(self, parameter: _Json) -> None:
        key, place = str(parameter.get("name", "")), str(parameter.get("in"))[:_MAX_KEY_CHARACTERS]
        _check_key(key)
        self._parameters = [one for one in self._parameters if (one.key, one.place) != (key, place)]
        if place in ("path", "query") and key:
            is_required = place == "path" or parameter.get("required") is True
            kind: Literal["path", "query"] = "path" if place == "path" else "query"
            self._add(
                key, kind, parameter.get("schema"), parameter.get("description"), is_required=is_required
            )
        elif parameter.get("required") is True and place == "header":
            self._add(key, "header", parameter.get("schema"), parameter.get("description"), is_required=True)
        elif parameter.get("required") is True:
            raise SourceInvalid(f"It needs the {place} {key!r}, which is not supported.")

    def _add_body(self) -> None:
        body = self._document.resolved(self._operation.get("requestBody"))
        content = _mapping(body.get("content"))
        if not content:
            return
        kind = next((one for one in content if "json" in one), "")
        form = next((one for one in content if one == "application/x-www-form-urlencoded"), "")
        if not kind and not form:
            raise SourceInvalid(
                f"Its body is {next(iter(content))[:_MAX_KEY_CHARACTERS]}, which is not supported."
            )
        schema = self._document.resolved(_mapping(content[kind or form]).get("schema"))
        place: Place = "body" if kind else "form"
        properties, required = _mapping(schema.get("properties")), _names(schema.get("required"))
        for key, one in properties.items():
            self._add(key, place, one, None, is_required=key in required)
        if not properties and kind:
            self._add("body", "whole_body", schema, body.get("description"), is_required=True)

    def _credentials(self, host: str) -> Iterator[Credential]:
        root = self._document.root
        required = _mapping(next(iter(_list(self._operation.get("security", root.get("security")))), None))
        schemes = _mapping(_mapping(root.get("components")).get("securitySchemes"))
        if len(required) > _MAX_CREDENTIALS:
            raise SourceInvalid(f"It needs more than {_MAX_CREDENTIALS} credentials.")
        for name in required:
            _check_key(name)
            scheme = self._document.resolved(schemes.get(name))
            kind, place = scheme.get("type"), scheme.get("in")
            if kind == "apiKey" and place in ("header", "query"):
                key = str(scheme.get("name", name))
                _check_key(key)
                where: Literal["header", "query"] = "header" if place == "header" else "query"
                yield Credential(key, where, (secret_name(host, "API_KEY"),))
            elif kind == "http" and str(scheme.get("scheme", "")).lower() == "basic":
                names = (secret_name(host, "USER"), secret_name(host, "PASSWORD"))
                yield Credential("Authorization", "header", names, is_basic=True)
            elif kind in ("http", "oauth2", "openIdConnect"):
                yield Credential("Authorization", "header", (secret_name(host, "TOKEN"),), "Bearer ")
            else:
                raise SourceInvalid(f"Its authentication {name!r} is not supported.")

    def _schema(self, value: Any, depth: int = 0) -> dict[str, Any]:
        """Return the part of a schema that tools support; text where there is none."""
        self._schemas_left -= 1
        self._document.schemas_left -= 1
        left = min(self._schemas_left, self._document.schemas_left) if depth < _MAX_DEPTH else 0
        schema = self._document.resolved(value)
        if "allOf" in schema:
            parts = [self._document.resolved(one) for one in _list(schema["allOf"])[:_MAX_VALUES]]
            schema = {key: part[key] for part in parts for key in _READ if key in part}
        types = schema.get("type")
        kind = next((one for one in _list(types)[: len(_TYPES)] if one != "null"), types)
        if not isinstance(kind, str) or kind not in _TYPES:
            kind = "object" if "properties" in schema else "string"
        result: dict[str, Any] = {"type": kind, **self._document.rules_of(schema)}
        if kind == "array":
            result["items"] = self._schema(schema.get("items"), depth + 1) if left > 0 else {"type": "string"}
        if kind == "object":
            inner = dict(islice(_mapping(schema.get("properties")).items(), max(left, 0)))
            inner = {name: one for name, one in inner.items() if len(name) <= _MAX_KEY_CHARACTERS}
            result["properties"] = {name: self._schema(one, depth + 1) for name, one in inner.items()}
            required = _names(schema.get("required"))
            needed = [name for name in inner if name in required]
            result |= {"required": needed} if needed else {}
        return result


def _check_key(key: str) -> None:
    if len(key) > _MAX_KEY_CHARACTERS:
        raise SourceInvalid(f"The name {key[:40]!r}… has more than {_MAX_KEY_CHARACTERS} characters.")


def _is_short(value: Any) -> bool:
    """Return whether a value is a short text, a number or a constant, or a short list of these."""
    if isinstance(value, list):
        return len(value) <= _MAX_VALUES and not any(
            isinstance(one, list) or not _is_short(one) for one in value
        )
    return (
        len(value) <= MAX_TEXT if isinstance(value, str) else value is None or isinstance(value, int | float)
    )


def _text(value: Any) -> str:
    """Return a description in one line; empty if it is no text."""
    return " ".join(value[: 2 * MAX_TEXT].split())[:MAX_TEXT] if isinstance(value, str) else ""


def _names(value: Any) -> frozenset[str]:
    """Return the names in the list `required`."""
    return frozenset(one for one in _list(value)[:_MAX_SCHEMAS] if isinstance(one, str))


def _rejected(constant: str) -> Any:
    raise ValueError(constant)


def _mapping(value: Any) -> _Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
