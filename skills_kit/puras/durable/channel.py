"""Send requests of the function to the worker, over the private socket of the job's process."""

from __future__ import annotations

import json
import os
import socket
import threading
from typing import Any

from puras.durable.errors import StepError, of_code

_READ_BYTES = 1 << 18
_FORKED = (
    "A process that the function has started cannot use durable steps. Call them in the function itself."
)
_LOST = "The connection to the worker is lost, so the step cannot be stored."


class Channel:
    """The requests of all threads of the process. One of the threads that wait for an answer reads for all."""

    def __init__(self, descriptor: int) -> None:
        """Open the channel on the descriptor that the worker has named."""
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._sending = threading.Lock()
        self._count = 0
        self._arrived = threading.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self._is_reading = False
        self._unread = bytearray()

    def post(self, operation: str, **fields: Any) -> int:
        """Send a request, and return its number."""
        with self._sending:
            self._count += 1
            number = self._count
            body = {"type": "request", "id": number, "operation": operation, **fields}
            try:
                self._socket.sendall(json.dumps(body, separators=(",", ":")).encode() + b"\n")
            except OSError as error:
                raise StepError(_LOST) from error
        return number

    def call(self, operation: str, **fields: Any) -> dict[str, Any]:
        """Send a request, and return the answer."""
        return self.answer(self.post(operation, **fields))

    def answer(self, number: int) -> dict[str, Any]:
        """Wait for the answer to a request.

        Raises:
            StepError: The worker has rejected the request.
        """
        body = self._await(number)
        if "error" in body:
            raise of_code(str(body["error"]), str(body.get("message")))
        return body

    def _await(self, number: int) -> dict[str, Any]:
        with self._arrived:
            while True:
                if number in self._answers:
                    return self._answers.pop(number)
                if not self._is_reading:
                    self._is_reading = True
                    break
                self._arrived.wait()
        try:
            while True:
                body = self._read()
                if body["id"] == number:
                    return body
                with self._arrived:
                    self._answers[body["id"]] = body
                    self._arrived.notify_all()
        finally:
            with self._arrived:
                self._is_reading = False
                self._arrived.notify_all()

    def _read(self) -> dict[str, Any]:
        while (end := self._unread.find(b"\n")) < 0:
            data = self._socket.recv(_READ_BYTES)
            if not data:
                raise StepError(_LOST)
            self._unread += data
        line = bytes(self._unread[:end])
        del self._unread[: end + 1]
        body: dict[str, Any] = json.loads(line)
        return body
