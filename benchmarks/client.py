"""An app's view of an instance: HTTP with a key, over one connection that is kept."""

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

PATIENCE_S = 90.0  # longer than the longest answer that waits for a job

MAX_IDLE_S = 3.0
"""A server closes a connection that was idle for five seconds, maybe while we use it again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Any
    """Parsed when it is JSON, else its text."""


class Refused(RuntimeError):
    """The API answered with an error."""

    def __init__(self, what: str, answer: Answer) -> None:
        super().__init__(f"{what}: {answer.status} {str(answer.body)[:500]}")
        self.answer = answer
        self.status = answer.status


@dataclass(slots=True)
class Client:
    """One keep-alive connection to the API; close it, or use it in a `with` block."""

    port: int
    api_key: str
    host: str = "127.0.0.1"
    timeout_s: float = PATIENCE_S
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
        """The parsed body of a good answer.

        Raises:
            Refused: the answer is an error.
        """
        answer = self.ask(method, path, body, **headers)
        if answer.status >= 400:
            raise Refused(f"{method} {path}", answer)
        return answer.body

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """The answer, whatever its status; `body` is sent as JSON unless it is bytes."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        kind = {} if isinstance(body, bytes) else {"Content-Type": "application/json"}
        own = {"Authorization": f"Bearer {self.api_key}", **kind, **headers}
        try:
            self._connect()
            self._connection.request(method, path, data, own)
            answer = self._connection.getresponse()
            text = answer.read()
            self._used_at = time.monotonic()
        except (OSError, http.client.HTTPException):
            self.close()  # the next call begins on a connection of its own
            raise
        is_json = answer.headers.get_content_type() == "application/json"
        return Answer(
            answer.status,
            {name.lower(): value for name, value in answer.headers.items()},
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
        """Submit a job; gives its id."""
        job_id: str = self.call("POST", "/v1/jobs", {"skill": skill, "inputs": inputs})["id"]
        return job_id

    def _connect(self) -> None:
        if time.monotonic() - self._used_at > MAX_IDLE_S:
            self._connection.close()
        if self._connection.sock is None:
            self._connection.connect()
            # Small requests go out at once; a client library does the same.
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def form(zipped: bytes) -> tuple[bytes, str]:
    """A multipart body with the bundle, and its content type."""
    boundary = uuid.uuid4().hex
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="bundle"; filename="bundle.zip"\r\n'
        "Content-Type: application/zip\r\n\r\n"
    ).encode()
    return head + zipped + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
