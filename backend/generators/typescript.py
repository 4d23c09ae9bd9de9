"""Write the generated part of the TypeScript client: `python -m backend.generators.typescript`.

It contains types of all schemas and a method for each operation, from the checked-in OpenAPI document.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
SNAPSHOT: Final = ROOT / "tests" / "contract" / "openapi.json"
PAGE: Final = ROOT / "clients" / "typescript" / "src" / "generated.ts"
HEAD: Final = """\
// Generated from tests/contract/openapi.json by `make openapi`; changes here are lost.

import type { CallOptions, Transport } from "./transport.js";
import { escapedPath, newKey } from "./transport.js";
"""
_METHODS: Final = ("get", "put", "post", "patch", "delete")
_KEY: Final = "Idempotency-Key"
_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")

Schema = Mapping[str, Any]


class Parameter(NamedTuple):
    """A parameter of an operation, which is not in its body."""

    name: str
    """The name in the request."""
    location: str
    """`path`, `query` or `header`."""
    is_required: bool
    kind: str
    description: str

    @property
    def field(self) -> str:
        """Return the name in TypeScript: as in the request, but headers without dashes."""
        if self.location != "header":
            return self.name
        first, *rest = self.name.split("-")
        return first.lower() + "".join(rest)


def main() -> int:
    """Write the file."""
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """Return the text of the file."""
    spec = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    schemas: Mapping[str, Schema] = spec["components"]["schemas"]
    declarations = [_declaration(name, schemas[name]) for name in sorted(schemas)]
    methods = [
        _method(path, method, operation)
        for path, item in sorted(spec["paths"].items())
        for method in _METHODS
        if (operation := item.get(method)) is not None
    ]
    methods += _former_methods()
    opening = "/** Every operation of the API, by its name in the OpenAPI document. */\nexport class Api {\n"
    opening += "  constructor(private readonly transport: Transport) {}\n"
    return "\n".join([HEAD, *declarations, *_aliases(), opening + "\n" + "\n".join(methods) + "}\n"])


def _aliases() -> Iterator[str]:
    """Yield the former names of schemas in the previous release, which programs still import."""
    for former, current in _former_names("former_schema_names.toml").items():
        yield f"/** @deprecated Use `{current}`. */\nexport type {former} = {current};\n"


def _former_methods() -> Iterator[str]:
    """Yield a method for each operation under its ID in the previous release, which programs still call."""
    for former, current in _former_names("former_operation_names.toml").items():
        name = method_name(current)
        yield (
            f"  /** @deprecated Use `{name}`. */\n"
            f'  {method_name(former)}(...given: Parameters<Api["{name}"]>): ReturnType<Api["{name}"]> {{\n'
            f"    return this.{name}(...given);\n"
            "  }\n"
        )


def _former_names(file: str) -> dict[str, str]:
    return tomllib.loads(files(__package__).joinpath(file).read_text("utf-8"))


def kind_of(schema: Schema | bool) -> str:
    """Return the TypeScript type of a JSON Schema."""
    if isinstance(schema, bool):
        return "unknown" if schema else "never"
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for key, joint in (("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")):
        if key in schema:
            kinds = dict.fromkeys(kind_of(one) for one in schema[key])
            return joint.join(_grouped(kind) if joint == " & " else kind for kind in kinds)
    given = schema.get("type")
    if isinstance(given, list):
        return " | ".join(kind_of({**schema, "type": one}) for one in given)
    return _of_type(given, schema)


def _of_type(given: str | None, schema: Schema) -> str:
    if given == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(kind_of(one) for one in schema['prefixItems'])}]"
        return f"{_grouped(kind_of(schema.get('items', True)))}[]"
    if given == "object" or "properties" in schema:
        return _object(schema)
    if given == "string" and schema.get("format") == "binary":
        return "Blob"
    known = {
        "string": "string",
        "integer": "number",
        "number": "number",
        "boolean": "boolean",
        "null": "null",
    }
    return known.get(given or "", "unknown")


def _object(schema: Schema) -> str:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    more = schema.get("additionalProperties", not properties)
    if not properties:
        return f"Record<string, {kind_of(more)}>" if more else "Record<string, never>"
    fields = "".join(
        _field(name, one, name in schema.get("required", ())) for name, one in properties.items()
    )
    rest = "  [name: string]: unknown;\n" if more else ""
    return f"{{\n{fields}{rest}}}"


def _field(name: str, schema: Schema, is_required: bool) -> str:
    key = name if _NAME.fullmatch(name) else json.dumps(name)
    kind = kind_of(schema).replace("\n", "\n  ")
    return f"{_comment(schema.get('description'), '  ')}  {key}{'' if is_required else '?'}: {kind};\n"


def _declaration(name: str, schema: Schema) -> str:
    body = kind_of(schema)
    comment = _comment(schema.get("description"), "")
    if body.startswith("{\n"):
        return f"{comment}export interface {name} {body}\n"
    return f"{comment}export type {name} = {body};\n"


def _method(path: str, method: str, operation: Mapping[str, Any]) -> str:
    parameters = list(_parameters(operation))
    body, is_needed = _body(operation)
    kind, reading = _response(operation)
    fields = "".join(
        f"{_comment(one.description, '      ')}      {one.field}{'' if one.is_required else '?'}: {one.kind};\n"
        for one in parameters
    )
    if body:
        fields += f"      body{'' if is_needed else '?'}: {body.replace(chr(10), chr(10) + '      ')};\n"
    is_required = is_needed or any(one.is_required for one in parameters)
    given = f"given: {{\n{fields}    }}{'' if is_required else ' = {}'}, " if fields else ""
    text = "\n\n".join(filter(None, (operation.get("summary"), operation.get("description"))))
    return (
        f"{_comment(text, '  ')}"
        f"  {method_name(operation['operationId'])}({given}options: CallOptions = {{}}): Promise<{kind}> {{\n"
        f"    return this.transport.{reading}({json.dumps(method.upper())}, {_target(path)}, "
        f"{_call(parameters, has_body=bool(body))}, options);\n"
        "  }\n"
    )


def _call(parameters: list[Parameter], *, has_body: bool) -> str:
    """Return the arguments for the transport."""
    query = [one for one in parameters if one.location == "query"]
    headers = [one for one in parameters if one.location == "header" and one.name != _KEY]
    lines = []
    if query:
        lines.append(f"query: {{ {', '.join(f'{one.name}: given.{one.field}' for one in query)} }},")
    if headers:
        pairs = ", ".join(f"{json.dumps(one.name)}: given.{one.field}" for one in headers)
        lines.append(f"headers: {{ {pairs} }},")
    if has_body:
        lines.append("body: given.body,")
    if any(one.name == _KEY for one in parameters):
        lines.append("idempotencyKey: given.idempotencyKey ?? newKey(),")
    return "{\n" + "".join(f"      {line}\n" for line in lines) + "    }" if lines else "{}"


def _parameters(operation: Mapping[str, Any]) -> Iterator[Parameter]:
    for one in operation.get("parameters", ()):
        is_required = bool(one.get("required"))
        kind = kind_of(one["schema"])
        yield Parameter(one["name"], one["in"], is_required, kind, str(one.get("description", "")))


def _body(operation: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the type of the body, and whether it is required."""
    request = operation.get("requestBody")
    if request is None:
        return "", False
    (media_type, content), *_ = request["content"].items()
    kinds = {"multipart/form-data": "FormData", "application/json": kind_of(content["schema"])}
    return kinds.get(media_type, "Blob | Uint8Array | string"), bool(request.get("required"))


def _response(operation: Mapping[str, Any]) -> tuple[str, str]:
    """Return the type of the response, and the method of the transport that reads it."""
    success: Mapping[str, Any] = next(
        (one for status, one in operation["responses"].items() if status.startswith("2")), {}
    )
    content: Mapping[str, Any] = success.get("content", {})
    if "application/json" in content:
        return kind_of(content["application/json"].get("schema", True)), "json"
    if "text/event-stream" in content or content or "200" in operation["responses"]:
        return "Response", "response"
    return "void", "nothing"


def _target(path: str) -> str:
    """Return the path as a template; a path within the path keeps its slashes."""
    if "{" not in path:
        return json.dumps(path)
    escaped = re.sub(
        r"\{(\w+)\}",
        lambda found: (
            f"${{{'escapedPath' if found[1] == 'path' else 'encodeURIComponent'}(given.{found[1]})}}"
        ),
        path,
    )
    return f"`{escaped}`"


def _comment(text: str | None, indent: str) -> str:
    if not text:
        return ""
    lines = [line.strip() for line in text.replace("*/", "*\\/").strip().splitlines()]
    if len(lines) == 1:
        return f"{indent}/** {lines[0]} */\n"
    return (
        f"{indent}/**\n" + "".join(f"{indent} * {line}".rstrip() + "\n" for line in lines) + f"{indent} */\n"
    )


def method_name(name: str) -> str:
    """Return the name of an operation in TypeScript."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _grouped(kind: str) -> str:
    return f"({kind})" if " | " in kind or " & " in kind else kind


if __name__ == "__main__":
    sys.exit(main())
