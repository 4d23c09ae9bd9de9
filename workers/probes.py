"""Serve `/live` and `/ready` of the worker pool in its only thread, with little memory."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Final

from backend.core.errors import Conflict, field
from workers.health import Health
from workers.watch import Watch

REQUEST_S: Final = 5.0
MAX_REQUESTS: Final = 64
"""Requests that are read at the same time; another one ends the oldest."""
MAX_REQUEST_BYTES: Final = 16 * 1024


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


class Probes:
    """The server of the probes. Each connection has one request."""

    def __init__(self, health: Health, watch: Watch, host: str, port: int) -> None:
        """Listen on the port; `watch` reads the requests.

        Raises:
            HealthPortTaken: The port cannot be used.
        """
        self._probes: dict[str, Callable[[], dict[str, str]]] = {"/live": health.live, "/ready": health.ready}
        self._watch = watch
        self._requests: dict[socket.socket, _Request] = {}
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            self._listener = socket.create_server(address, family=family)
        except OSError as error:
            raise HealthPortTaken(host, port, (error.strerror or str(error)).lower()) from None
        self._listener.setblocking(False)
        watch.add(self._listener, self._accept)

    def end_slow_requests(self) -> None:
        """Close the connections whose requests are incomplete after some seconds."""
        now = time.monotonic()
        for connection, request in list(self._requests.items()):
            if now > request.ends_at:
                self._close(connection)

    def _accept(self) -> None:
        with suppress(OSError):  # the caller has disconnected
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            if len(self._requests) >= MAX_REQUESTS:
                self._close(next(iter(self._requests)))
            self._requests[connection] = _Request()
            self._watch.add(connection, partial(self._read, connection))

    def _read(self, connection: socket.socket) -> None:
        request = self._requests[connection]
        try:
            chunk = connection.recv(MAX_REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        request.head += chunk
        if request.is_complete:
            with suppress(OSError):  # the caller has disconnected
                connection.send(self._response(request.head))
                connection.shutdown(socket.SHUT_WR)
        elif chunk and len(request.head) < MAX_REQUEST_BYTES:
            return
        self._close(connection)

    def _close(self, connection: socket.socket) -> None:
        del self._requests[connection]
        self._watch.close(connection)

    def _response(self, head: bytes) -> bytes:
        method, _, target = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
        probe = self._probes.get(target.partition(" ")[0].partition("?")[0])
        if method != "GET":
            status, body = HTTPStatus.METHOD_NOT_ALLOWED, {"status": "not_allowed", "reason": "use GET"}
        elif probe is None:
            status, body = HTTPStatus.NOT_FOUND, {"status": "not_found", "reason": "use /live or /ready"}
        else:
            body = probe()
            status = HTTPStatus.OK if body["status"] == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
        content = json.dumps(body)
        return (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "Server: puras-studio\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n"
            "Cache-Control: no-store\r\n"
            "Connection: close\r\n\r\n"
            f"{content}"
        ).encode()


class _Request:
    """What has been received of a request."""

    def __init__(self) -> None:
        self.head = b""
        self.ends_at = time.monotonic() + REQUEST_S

    @property
    def is_complete(self) -> bool:
        return b"\r\n\r\n" in self.head or b"\n\n" in self.head
