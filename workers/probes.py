"""Serve `/live` and `/ready` of the worker pool with the standard library, which needs little memory."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Final

from backend.core.errors import Conflict, field
from workers.health import Health

REQUEST_S: Final = 5.0


class HealthPortTaken(Conflict):
    """The pool cannot listen on its port for health checks."""

    code = "health_port_taken"
    message = (
        "Port {port} of {host} cannot be used for the health checks of workers: {why}. Stop the program "
        "that uses it, set another port with PURAS_WORKER_HEALTH_PORT, or unset this setting to disable the "
        "port."
    )
    host: str = field(in_body=False)
    port: int
    why: str = field(in_body=False)


class Server(ThreadingTCPServer):
    """Serves the probes of a pool on a host and port."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, family: socket.AddressFamily, address: Any, health: Health) -> None:
        self.address_family = family
        self.probes: dict[str, Callable[[], dict[str, str]]] = {
            "/live": health.live,
            "/ready": health.ready,
        }
        super().__init__(address, Handler)

    def handle_error(self, *_: Any) -> None:
        """Report nothing: the caller has disconnected."""


class Handler(BaseHTTPRequestHandler):
    """One request for a probe."""

    timeout = REQUEST_S
    server: Server

    def do_GET(self) -> None:
        """Send what the probe returns."""
        probe = self.server.probes.get(self.path.partition("?")[0])
        if probe is None:
            self._send(HTTPStatus.NOT_FOUND, {"status": "not_found", "reason": "use /live or /ready"})
            return
        body = probe()
        self._send(HTTPStatus.OK if body["status"] == "ok" else HTTPStatus.SERVICE_UNAVAILABLE, body)

    def _send(self, status: HTTPStatus, body: dict[str, str]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def version_string(self) -> str:
        """Return the name of the server without its version."""
        return "puras-studio"

    def log_message(self, *_: Any) -> None:
        """Log nothing: probes come every few seconds."""


def serve(health: Health, host: str, port: int) -> None:
    """Serve the probes from a thread for as long as this process runs.

    Raises:
        HealthPortTaken: the port cannot be used.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        server = Server(family, address, health)
    except OSError as error:
        raise HealthPortTaken(host, port, (error.strerror or str(error)).lower()) from None
    threading.Thread(target=server.serve_forever, name="probes", daemon=True).start()
