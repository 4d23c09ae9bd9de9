"""A receiver of traces: an HTTP server that reads OTLP as protobuf, and can be unresponsive."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Seen(NamedTuple):
    """A received span."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    role: str
    service: str
    attributes: dict[str, Any]
    began_ns: int
    ended_ns: int
    is_error: bool
    kind: int


class Receiver:
    """The requests that were received."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.is_silent = False
        self.status = 200
        self.port = 0
        self._hold = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        if self.is_silent:
            self._hold.wait(60)
            return
        self.headers.append(headers)
        self.bodies.append(body)

    def release(self) -> None:
        self._hold.set()

    def spans(self, trace_id: str | None = None) -> list[Seen]:
        """Return the spans of a trace, or all spans."""
        found = [span for body in self.bodies for span in _spans(body)]
        return [span for span in found if trace_id in (None, span.trace_id)]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver on a free port."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path != "/v1/traces":
                self.send_error(404)
                return
            receiver.take(body, {name.lower(): value for name, value in self.headers.items()})
            response = ExportTraceServiceResponse().SerializeToString()
            try:
                self.send_response(receiver.status)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", str(len(response)))
                self.end_headers()
                self.wfile.write(response)
            except OSError:
                pass  # the client disconnected

        def log_message(self, *_: object) -> None:
            """Write no log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.release()
        server.shutdown()
        server.server_close()
        thread.join(10)


def _spans(body: bytes) -> Iterator[Seen]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        about = _plain(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Seen(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    about["puras.role"],
                    about["service.name"],
                    _plain(span.attributes),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    span.status.code == 2,
                    span.kind,
                )


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}
