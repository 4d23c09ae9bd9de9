"""Read the operations of an OpenAPI document. References are followed only inside the document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
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
from backend.skills.manifest.yaml_document import MAX_DOCUMENT_BYTES, read_document

MAX_OPERATIONS: Final = 200
_MAX_DEPTH: Final = 4
_MAX_REFERENCES: Final = 20
_MAX_SCHEMAS: Final = 1_000
"""Schemas of one operation that are read; deeper ones are replaced by plain types."""
_MAX_REFERENCE_CHARACTERS: Final = 300
_KEPT: Final = ("enum", "default", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "object", "array"})
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
    for path, method, operation, item in _listed(root):
        if len(found) == MAX_OPERATIONS:
            break
        reader = _Reader(root, path, method, operation, item)
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
    return value


def _listed(root: _Json) -> Iterator[tuple[str, str, _Json, _Json]]:
    for path, item in _mapping(root.get("paths")).items():
        for method in METHODS:
            operation = _mapping(item).get(method.lower())
            if isinstance(operation, dict):
                yield path, method, operation, item


class _Reader:
    """Reads one operation."""

    def __init__(self, root: _Json, path: str, method: str, operation: _Json, item: _Json) -> None:
        self._root = root
        self._path = path
        self._method = method
        self._operation = operation
        self._item = item
        self._parameters: list[Parameter] = []
        self._schemas_left = _MAX_SCHEMAS
        self.name = identifier(str(operation.get("operationId") or f"{method} {path}"))

    def read(self, name: str) -> Operation:
        """Return the operation; its `problem` says why no tool can be made of it."""
        text = str(self._operation.get("summary") or self._operation.get("description") or "")
        description = " ".join(text.split())[:MAX_TEXT] or f"Calls {self._method} {self._path}."
        try:
            url = self._url()
            for one in (*_list(self._item.get("parameters")), *_list(self._operation.get("parameters"))):
                self._add_parameter(self._resolved(one))
            self._add_body()
            credentials = tuple(self._credentials(urlsplit(url).hostname or ""))
        except SourceInvalid as error:
            return Operation(name, self._method, self._path, description, problem=error.detail)
        return Operation(name, self._method, url, description, tuple(self._parameters), {}, credentials)

    def _url(self) -> str:
        servers = self._operation.get("servers") or self._item.get("servers") or self._root.get("servers")
        server = _mapping(next(iter(_list(servers)), None))
        base = str(server.get("url", ""))
        for name, variable in _mapping(server.get("variables")).items():
            base = base.replace(f"{{{name}}}", str(_mapping(variable).get("default", "")))
        if "://" not in base:
            raise SourceInvalid(
                "The document names no server with a full URL. Add 'servers: [{url: https://…}]'."
            )
        return checked_url(base).rstrip("/") + "/" + quoted(self._path.lstrip("/"))

    def _add(self, key: str, place: Place, schema: Any, description: Any, *, is_required: bool) -> None:
        if len(self._parameters) == MAX_PARAMETERS:
            raise SourceInvalid(f"It has more than {MAX_PARAMETERS} parameters.")
        plain = self._schema(schema)
        text = " ".join(str(description or plain.get("description") or "").split())[:MAX_TEXT]
        name = unused(identifier(key), (one.name for one in self._parameters))
        described = {**plain, **({"description": text} if text else {})}
        self._parameters.append(Parameter(name, key, place, described, is_required))

    def _add_parameter(self, parameter: _Json) -> None:
        key, place = str(parameter.get("name", "")), parameter.get("in")
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
        body = self._resolved(self._operation.get("requestBody"))
        content = _mapping(body.get("content"))
        if not content:
            return
        kind = next((one for one in content if "json" in one), "")
        form = next((one for one in content if one == "application/x-www-form-urlencoded"), "")
        if not kind and not form:
            raise SourceInvalid(f"Its body is {next(iter(content))}, which is not supported.")
        schema = self._resolved(_mapping(content[kind or form]).get("schema"))
        place: Place = "body" if kind else "form"
        properties = _mapping(schema.get("properties"))
        for key, one in properties.items():
            self._add(key, place, one, None, is_required=key in _list(schema.get("required")))
        if not properties and kind:
            self._add("body", "whole_body", schema, body.get("description"), is_required=True)

    def _credentials(self, host: str) -> Iterator[Credential]:
        required = self._operation.get("security", self._root.get("security"))
        schemes = _mapping(_mapping(self._root.get("components")).get("securitySchemes"))
        for name in _mapping(next(iter(_list(required)), None)):
            scheme = self._resolved(schemes.get(name))
            kind, place = scheme.get("type"), scheme.get("in")
            if kind == "apiKey" and place in ("header", "query"):
                key = str(scheme.get("name", name))
                where: Literal["header", "query"] = "header" if place == "header" else "query"
                yield Credential(key, where, (secret_name(host, "API_KEY"),))
            elif kind == "http" and str(scheme.get("scheme", "")).lower() == "basic":
                names = (secret_name(host, "USER"), secret_name(host, "PASSWORD"))
                yield Credential("Authorization", "header", names, is_basic=True)
            elif kind in ("http", "oauth2", "openIdConnect"):
                yield Credential("Authorization", "header", (secret_name(host, "TOKEN"),), "Bearer ")
            else:
                raise SourceInvalid(f"Its authentication {name!r} is not supported.")

    def _resolved(self, value: Any) -> _Json:
        """Return a mapping, or the one that it refers to."""
        for _ in range(_MAX_REFERENCES):
            reference = _mapping(value).get("$ref")
            if not isinstance(reference, str):
                return _mapping(value)
            if not reference.startswith("#/") or len(reference) > _MAX_REFERENCE_CHARACTERS:
                raise SourceInvalid(f"The reference {reference[:80]!r} leads out of the document.")
            value = self._root
            for key in reference[2:].split("/"):
                value = _mapping(value).get(key.replace("~1", "/").replace("~0", "~"))
        raise SourceInvalid("References of the document form a circle.")

    def _schema(self, value: Any, depth: int = 0) -> dict[str, Any]:
        """Return the part of a schema that tools support; text where there is none."""
        self._schemas_left -= 1
        is_shallow = depth >= _MAX_DEPTH or self._schemas_left < 0
        schema = self._resolved(value)
        if "allOf" in schema:
            schema = {
                key: one for part in _list(schema["allOf"]) for key, one in self._resolved(part).items()
            }
        types = schema.get("type")
        kind = next((one for one in _list(types) if one != "null"), types)
        kind = kind if kind in _TYPES else "object" if "properties" in schema else "string"
        result: dict[str, Any] = {"type": kind}
        result |= {key: schema[key] for key in _KEPT if key in schema}
        if isinstance(schema.get("description"), str):
            result["description"] = " ".join(schema["description"].split())[:MAX_TEXT]
        if kind == "array":
            result["items"] = (
                {"type": "string"} if is_shallow else self._schema(schema.get("items"), depth + 1)
            )
        if kind == "object":
            inner = {} if is_shallow else _mapping(schema.get("properties"))
            result["properties"] = {name: self._schema(one, depth + 1) for name, one in inner.items()}
            needed = [name for name in _list(schema.get("required")) if name in inner]
            result |= {"required": needed} if needed else {}
        return result


def _rejected(constant: str) -> Any:
    raise ValueError(constant)


def _mapping(value: Any) -> _Json:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
