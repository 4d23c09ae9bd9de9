"""Serve an instance of the last release over a socket: every route answers with an example of its frozen response.

The examples are made from `contracts/openapi.json`, so they are the same on every run, and a change of the current API
does not change them. The server records each request that it receives.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.doubles.serving import serving

Json = Any
_Message = MutableMapping[str, Any]

CONTRACT: Final = Path(__file__).with_name("contracts") / "openapi.json"
KEY: Final = "puras_live_12345678.recorded-secret"
ID: Final = "11111111-1111-4111-8111-111111111111"
_RECORDED_HEADERS: Final = (
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "repr-digest",
    "user-agent",
)
_RANDOM: Final = {
    "idempotency-key": (re.compile(r"puras-[0-9a-f-]{36}"), "puras-<UUID>"),
    "content-type": (re.compile(r"boundary=.*"), "boundary=<random>"),
}
"""Parts of headers that are different on every run."""
_FORMATS: Final = {"uuid": ID, "date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02"}
_PREFERRED: Final = ("succeeded", "secret_key")
"""Values of an enumeration that end a command soonest: a job that has succeeded, a key that may read the balance."""
_UNTYPED: Final = {"total": 3}
"""The example of a value that the schema does not describe, as the result of a job."""
_WITHOUT_GATE: Final = {"gate": None, "gate_passed": True}
_STREAM: Final = [
    'id: 1\nevent: log\ndata: {{"id": 1, "job_id": "{job}", "ts": "2026-01-02T03:04:05Z", "type": "log",'
    ' "payload": {{"text": "one"}}}}\n\n',
    'event: delta\ndata: {{"text": "piece"}}\n\n',
    'id: 2\nevent: succeeded\ndata: {{"id": 2, "job_id": "{job}", "ts": "2026-01-02T03:04:06Z", "type": "succeeded",'
    ' "payload": {{}}}}\n\n',
    "event: end\ndata: {{}}\n\n",
]


class RecordedInstance:
    """An ASGI application that answers as the last release, and the requests that it has received."""

    def __init__(self) -> None:
        self.requests: list[dict[str, str]] = []
        self.planned: list[tuple[int, Mapping[str, str], Json]] = []
        """Status, headers and JSON body of the next responses, before the examples."""

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[_Message]],
        send: Callable[[_Message], Awaitable[None]],
    ) -> None:
        """Record a request and send its response."""
        content = b""
        while True:
            message = await receive()
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.requests.append(_recorded(scope, content))
        status, headers, body = self._response(scope["method"], scope["path"])
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        raw.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    def _response(self, method: str, path: str) -> tuple[int, Mapping[str, str], bytes]:
        if self.planned:
            status, headers, value = self.planned.pop(0)
            return status, {"content-type": "application/json", **headers}, json.dumps(value).encode()
        return example_response(method, path)


@contextmanager
def recorded_instance() -> Iterator[tuple[RecordedInstance, str]]:
    """Serve a new instance; yield it and its URL."""
    instance = RecordedInstance()
    with serving(instance, "recorded instance") as url:
        yield instance, url


@cache
def _contract() -> Json:
    return json.loads(CONTRACT.read_text(encoding="utf-8"))


def example_response(method: str, path: str) -> tuple[int, Mapping[str, str], bytes]:
    """Return status, headers and body of the example for a request; 404 for a route of no release."""
    if path.endswith("/stream"):
        frames = "".join(_STREAM).format(job=ID)
        return 200, {"content-type": "text/event-stream"}, frames.encode()
    operation = _operation(method, path)
    if operation is None:
        body = {"detail": f"The last release has no route {method} {path}.", "code": "not_found"}
        return 404, {"content-type": "application/json"}, json.dumps(body).encode()
    status = min(int(one) for one in operation["responses"] if one < "300")
    content = operation["responses"][str(status)].get("content", {})
    if "application/json" in content:
        value = example(content["application/json"]["schema"])
        return status, {"content-type": "application/json"}, json.dumps(value).encode()
    return status, {}, (_archive() if path.endswith("/bundle") else b"content") if content else b""


def _operation(method: str, path: str) -> Json:
    """Return the operation of a request; a route without parameters goes before one with them."""
    for pattern, methods in sorted(_contract()["paths"].items(), key=lambda one: one[0].count("{")):
        expression = re.sub(r"{\w+}", "[^/]+", pattern.replace("{path}", ".+"))
        if method.lower() in methods and re.fullmatch(
            expression.replace(".", r"\.").replace(r"\.+", ".+"), path
        ):
            return methods[method.lower()]
    return None


def example(schema: Json, name: str = "", depth: int = 0) -> Json:
    """Return a value that a JSON Schema allows, always the same one."""
    if "$ref" in schema:
        schema = {**_contract()["components"]["schemas"][schema["$ref"].rpartition("/")[2]], **schema}
    if name in _WITHOUT_GATE:
        return _WITHOUT_GATE[name]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return next((value for value in _PREFERRED if value in schema["enum"]), schema["enum"][0])
    if several := schema.get("anyOf") or schema.get("oneOf"):
        return example(next(one for one in several if one.get("type") != "null"), name, depth)
    if "properties" in schema:
        fields = schema["properties"] if depth < 5 else {}
        return {field: example(one, field, depth + 1) for field, one in fields.items()}
    return _simple_example(schema, depth)


def _simple_example(schema: Json, depth: int) -> Json:
    match schema.get("type"):
        case "array":
            return [example(schema.get("items", {}), depth=depth + 1)] if depth < 5 else []
        case "object":
            return {"key": "value"}
        case "string":
            return _FORMATS.get(schema.get("format", ""), "text")
        case "integer" | "number" as kind:
            least = max(1, schema.get("minimum", 1))
            return least if kind == "integer" else float(least)
        case "boolean":
            return True
        case _:
            return _UNTYPED


def _recorded(scope: Mapping[str, Any], content: bytes) -> dict[str, str]:
    """Return a request as text: its line, its headers, and its body where that is JSON or a file.

    All are text, so that a comparison reports every change of them: an instance rejects parameters and fields that its
    release does not have.
    """
    query = scope["query_string"].decode()
    line = f"{scope['method']} {scope['raw_path'].decode()}{f'?{query}' if query else ''}"
    headers = {name.decode(): value.decode() for name, value in scope["headers"]}
    for name, (pattern, text) in _RANDOM.items():
        if name in headers:
            headers[name] = pattern.sub(text, headers[name])
    shown = "\n".join(f"{name}: {headers[name]}" for name in _RECORDED_HEADERS if name in headers)
    recorded = {"line": line, "headers": shown}
    if headers.get("content-type", "").startswith("multipart/"):
        names = re.findall(rb'name="(\w+)"', content)
        return {**recorded, "form": " ".join(name.decode() for name in names)}
    return {**recorded, "body": content.decode()} if content else recorded


def _archive() -> bytes:
    """Return the bundle of a skillpack with one skill."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("skills/greet/skill.yaml", "entrypoint: main.py:greet\n")
        archive.writestr("skills/greet/main.py", "def greet():\n    return {}\n")
    return file.getvalue()
