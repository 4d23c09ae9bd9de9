"""Skills from curl commands and OpenAPI documents are valid, make the request, and contain no credential."""

from __future__ import annotations

import json
import sys
import threading
import time
import types
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.authoring.api_tools import code, curl, openapi
from backend.authoring.api_tools.operations import SourceInvalid
from backend.skills.archives.pack import pack_files
from backend.skills.bundles.read import read_bundle

CURL = r"""curl -X POST 'https://api.example.org/v2/orders?page=1&api_key=k3y-1' \
  -H "Authorization: Bearer t0ken-2" -H 'X-Team: birds' -H 'Content-Type: application/json' \
  --data-raw '{"item": "owl", "count": 2, "gift": false, "password": "p4ss-3", "tags": ["a"]}' -s
"""
OPENAPI = """
openapi: 3.1.0
servers: [{url: 'https://{region}.example.org/v1', variables: {region: {default: eu}}}]
security: [{token: []}]
paths:
  /pets/{petId}:
    parameters: [{$ref: '#/components/parameters/PetId'}]
    get:
      operationId: getPet
      summary: 'Find a pet ""\"" by its ID'
      parameters: [{name: with-owner, in: query, schema: {type: [boolean, 'null'], default: false}}]
    put:
      operationId: getPet
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}
  /upload:
    post: {requestBody: {content: {multipart/form-data: {}}}}
  /circle:
    get: {parameters: [{$ref: '#/components/parameters/Circle'}]}
components:
  parameters:
    PetId: {name: petId, in: path, required: true, schema: {type: integer}}
    Circle: {$ref: '#/components/parameters/Circle'}
  schemas:
    Pet:
      type: object
      required: [name]
      properties: {name: {type: string}, parent: {$ref: '#/components/schemas/Pet'}}
  securitySchemes: {token: {type: http, scheme: bearer}}
"""


def manifest_of(files: dict[str, str]) -> Any:
    bundle = pack_files({f"skills/made/{name}": text.encode() for name, text in files.items()})
    [skill] = read_bundle(bundle).manifest.skills
    return skill


class _Server(BaseHTTPRequestHandler):
    received: list[tuple[str, str, dict[str, str], bytes]] = []  # noqa: RUF012 - cleared by `serving`

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.received.append((self.command, self.path, dict(self.headers), body))
        self.send_response(404 if "missing" in self.path else 200)
        self.end_headers()
        self.wfile.write(b'{"ok": true}')

    do_GET = do_POST = do_PUT = _respond  # noqa: N815 - names of the base class

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    _Server.received.clear()
    server = HTTPServer(("127.0.0.1", 0), _Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def module_of(source: str, host: str, base: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the names of the generated file, which calls a server of the test instead of the host."""
    namespace: dict[str, Any] = {}
    kit = types.ModuleType("puras")
    kit.secret = lambda name: f"value of {name}"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "puras", kit)
    exec(compile(source.replace(host, base), "tools.py", "exec"), namespace)
    return namespace


def test_curl_command_becomes_a_tool_without_its_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = curl.operation_of(CURL)
    assert "t0ken-2" not in repr(operation)
    files = code.files_of([operation], "Orders")
    assert not any(value in text for text in files.values() for value in ("k3y-1", "t0ken-2", "p4ss-3"))
    skill = manifest_of(files)
    assert (skill.network, skill.disable_bash) == (["api.example.org"], True)
    [tool] = skill.tools
    assert (tool.name, tool.confirm, tool.read_only) == ("post_orders", True, False)
    assert tool.input_schema["properties"]["count"] == {"type": "integer", "default": 2}
    assert tool.input_schema["required"] == ["tags"]
    assert operation.secrets == ("EXAMPLE_API_KEY", "EXAMPLE_PASSWORD", "EXAMPLE_TOKEN")
    with serving() as base:
        tools = module_of(files["tools.py"], "https://api.example.org", base, monkeypatch)
        assert tools["post_orders"](tags=["b"], item="elf owl") == {"status": 200, "body": '{"ok": true}'}
    [(method, path, headers, body)] = _Server.received
    assert (method, path) == ("POST", "/v2/orders?page=1&api_key=value+of+EXAMPLE_API_KEY")
    assert headers["Authorization"] == "Bearer value of EXAMPLE_TOKEN"
    assert (headers["X-Team"], json.loads(body)["item"]) == ("birds", "elf owl")


def test_operations_of_an_openapi_document_become_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    found = openapi.operations_of(OPENAPI)
    assert [(one.name, bool(one.problem)) for one in found] == [
        ("get_pet", False),
        ("get_pet_2", False),
        ("post_upload", True),
        ("get_circle", True),
    ]
    files = code.files_of(found[:2], "Pets")
    skill = manifest_of(files)
    assert skill.network == ["eu.example.org"]
    assert [(tool.name, tool.read_only, tool.confirm) for tool in skill.tools] == [
        ("get_pet", True, False),
        ("get_pet_2", False, True),
    ]
    with serving() as base:
        tools = module_of(files["tools.py"], "https://eu.example.org", base, monkeypatch)
        assert tools["get_pet"](pet_id="../missing?", with_owner=True)["status"] == 404
        assert tools["get_pet_2"](pet_id=7, name="Owl")["status"] == 200
    assert [(method, path) for method, path, _, _ in _Server.received] == [
        ("GET", "/v1/pets/..%2Fmissing%3F?with-owner=True"),
        ("PUT", "/v1/pets/7"),
    ]
    assert json.loads(_Server.received[1][3]) == {"name": "Owl"}


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("curl", "exactly one URL"),
        ("curl https://a.example https://b.example", "exactly one URL"),
        ("curl http://127.0.0.1/x", "cannot call 127.0.0.1"),
        ("curl http://localhost/x", "public server"),
        ("curl file:///etc/passwd", "public server"),
        ("curl https://u:p@a.example/", "curl -u"),
        ("curl -F file=@x https://a.example/", "-F is not supported"),
        ("curl -d @body.json https://a.example/", "read from a file"),
        ("curl 'https://a.example", "quotes"),
        ("curl -H", "no value"),
        ('curl https://a.example --json "[1]"', "must be an object"),
        ("openapi: 2.0", "OpenAPI 3"),
        ("openapi: 3.0.0", "no operations"),
        ("{", "not valid YAML"),
        ("[]", "neither"),
        (r'{"openapi": "\ud800"}', "lone surrogate"),
        (r"""curl https://a.example --json '{"a": 1e999}'""", "infinity"),
    ],
)
def test_source_that_cannot_become_tools_is_rejected(source: str, reason: str) -> None:
    with pytest.raises(SourceInvalid) as raised:
        curl.operation_of(source) if source.startswith("curl") else openapi.operations_of(source)
    assert reason in raised.value.detail


def test_large_documents_are_read_in_bounded_time() -> None:
    wide = {
        "type": "object",
        "properties": {f"p{n}": {"$ref": "#/components/schemas/Wide"} for n in range(90)},
    }
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wide"}}}}
    many = [{"name": f"q{n}", "in": "query"} for n in range(20_000)]
    document = {
        "openapi": "3.0.0",
        "servers": [{"url": "https://api.example.org"}],
        "paths": {
            "/many": {"get": {"parameters": many}},
            **{f"/{n}": {"post": {"requestBody": body}} for n in range(20)},
        },
        "components": {"schemas": {"Wide": wide}},
    }
    start = time.process_time()
    found = openapi.operations_of(json.dumps(document))
    assert time.process_time() - start < 5
    assert "more than 100 parameters" in found[0].problem
    assert len(found[1].parameters) == 90
    with pytest.raises(SourceInvalid, match="more than 100 parameters"):
        curl.operation_of("curl 'https://api.example.org/?" + "a&" * 200 + "'")


def test_repeated_parts_of_a_document_do_not_multiply() -> None:
    long = {"enum": ["e" * 20_000], "default": "d" * 20_000, "description": "t " * 10_000}
    schemas = {
        "Long": {"type": "string", **long},
        "Wide": {"properties": {f"p{n}": {"$ref": "#/components/schemas/Long"} for n in range(90)}},
        "Huge": {"properties": {f"p{n}": {} for n in range(20_000)}, "required": ["p1"] * 50_000},
    }
    doubled = {f"v{n}": {"default": f"{{v{n + 1}}}" * 2} for n in range(18)}
    secrets = {f"s{n}": {"type": "http", "scheme": "bearer"} for n in range(500)}

    def body(schema: Any) -> Any:
        return {"requestBody": {"content": {"application/json": {"schema": schema}}}}

    document = {
        "openapi": "3.0.0",
        "servers": [{"url": "https://api.example.org"}],
        "paths": {
            "/doubled": {"get": {"servers": [{"url": "https://{v0}.example.org", "variables": doubled}]}},
            "/secrets": {"get": {"security": [{name: [] for name in secrets}]}},
            "/name": {"get": {"parameters": [{"name": "n" * 300, "in": "query"}]}},
            "/huge": {"post": body({"properties": {"one": {"$ref": "#/components/schemas/Huge"}}})},
            **{f"/{n}": {"post": body({"$ref": "#/components/schemas/Wide"})} for n in range(20)},
        },
        "components": {"schemas": schemas, "securitySchemes": secrets},
    }
    start = time.process_time()
    found = openapi.operations_of(json.dumps(document))
    problems = ("not the URL", "more than 10 credentials", "more than 200 characters")
    assert [text in one.problem for text, one in zip(problems, found, strict=False)] == [True] * 3
    assert max(len(one.url) for one in found) < 2_000
    assert len(found[3].parameters[0].schema["properties"]) < 1_000
    files = code.files_of([one for one in found if not one.problem], "API")
    assert sum(map(len, files.values())) < 2_000_000
    assert time.process_time() - start < 10


@pytest.mark.parametrize(
    "schema", [{"type": {}}, {"type": [[]]}, {"properties": {"a": {}}, "required": [[], "a"]}, {"allOf": [7]}]
)
def test_schemas_of_unexpected_types_are_read(schema: Any) -> None:
    parameters = [{"name": "str", "in": "query", "schema": schema, "description": ["no text"]}]
    document = {
        "openapi": "3.0.0",
        "servers": [{"url": "https://api.example.org"}],
        "paths": {"/": {"get": {"parameters": parameters}}},
    }
    [operation] = openapi.operations_of(json.dumps(document))
    assert [one.name for one in operation.parameters] == ["str_"], "the generated code calls str()"


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
"""Text that a document can contain; others are rejected."""


@settings(max_examples=25, deadline=None)
@given(TEXT, TEXT, TEXT)
def test_no_text_of_a_source_becomes_code(summary: str, key: str, path: str) -> None:
    document = {
        "openapi": "3.0.0",
        "servers": [{"url": "https://api.example.org"}],
        "paths": {
            f"/{path}": {
                "get": {
                    "summary": summary,
                    "parameters": [
                        {"name": key, "in": "query", "schema": {"type": "string", "default": summary}}
                    ],
                }
            }
        },
    }
    [operation] = openapi.operations_of(json.dumps(document))
    files = code.files_of([operation], summary or "API")
    assert yaml.safe_load(files["skill.yaml"])["tools"][0]["name"] == operation.name
    compiled = compile(files["tools.py"], "tools.py", "exec")
    functions = [one.co_name for one in compiled.co_consts if isinstance(one, types.CodeType)]
    assert functions == [operation.name, "_call", "_given", "_result", "_basic"]
