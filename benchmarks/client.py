"""An HTTP client of an instance, with an API key and one keep-alive connection."""

from __future__ import annotations

import http.client
import json
import socket
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from backend.skills.archives.pack import pack_files

TIMEOUT_S = 90.0  # longer than the longest response that waits for a job

MAX_IDLE_S = 3.0
"""A server closes a connection that was idle for five seconds, possibly while a new request is sent."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response of the API."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any
    """The parsed value of JSON, otherwise the text."""


class RequestFailed(RuntimeError):
    """The API returned an error."""

    def __init__(self, request: str, response: Response) -> None:
        super().__init__(f"{request}: {response.status} {str(response.body)[:500]}")
        self.response = response
        self.status = response.status


@dataclass(slots=True)
class Client:
    """One keep-alive connection to the API; close it, or use it in a `with` block."""

    port: int
    api_key: str
    host: str = "127.0.0.1"
    timeout_s: float = TIMEOUT_S
    _connection: http.client.HTTPConnection = field(init=False)
    _used_at: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send a request, and return the parsed body of the response.

        Raises:
            RequestFailed: the response is an error.
        """
        response = self.request(method, path, body, **headers)
        if response.status >= 400:
            raise RequestFailed(f"{method} {path}", response)
        return response.body

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """Send a request, and return the response with any status; `body` is sent as JSON unless it is bytes."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        kind = {} if isinstance(body, bytes) else {"Content-Type": "application/json"}
        own = {"Authorization": f"Bearer {self.api_key}", **kind, **headers}
        try:
            self._connect()
            self._connection.request(method, path, data, own)
            response = self._connection.getresponse()
            text = response.read()
            self._used_at = time.monotonic()
        except (OSError, http.client.HTTPException):
            self.close()  # the next request opens a new connection
            raise
        is_json = response.headers.get_content_type() == "application/json"
        return Response(
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            json.loads(text) if is_json and text else text.decode(errors="replace"),
        )

    def push(self, files: Mapping[str, bytes]) -> Any:
        """Deploy a bundle and activate it."""
        body, kind = form(pack_files(files))
        return self.call("POST", "/v1/deployments", body, **{"Content-Type": kind})

    def run(self, skill: str, inputs: dict[str, Any]) -> Any:
        """Submit a job and wait for its end."""
        return self.call("POST", "/v1/jobs?wait=true&timeout=55", {"skill": skill, "inputs": inputs})

    def submit(self, skill: str, **inputs: Any) -> str:
        """Submit a job, and return its ID."""
        job_id: str = self.call("POST", "/v1/jobs", {"skill": skill, "inputs": inputs})["id"]
        return job_id

    def _connect(self) -> None:
        if time.monotonic() - self._used_at > MAX_IDLE_S:
            self._connection.close()
        is_open = self._connection.sock is not None
        if not is_open:
            self._connection.connect()
            # Send small requests immediately, as client libraries do.
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def form(zipped: bytes) -> tuple[bytes, str]:
    """Return a multipart body with the bundle, and its content type."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="bundle"; filename="bundle.zip"\r\n'
        "Content-Type: application/zip\r\n\r\n"
    ).encode()
    return head + zipped + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
