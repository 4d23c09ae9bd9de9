"""The REST API as the demo uses it: the way that any app would, with nothing but a key."""

from __future__ import annotations

import asyncio
import json
import secrets
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from backend.operations.errors import DemoFailed

TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class Rest:
    """An instance and a key of one of its projects."""

    base_url: str
    api_key: str = field(repr=False)

    async def get(self, path: str) -> Any:
        """Return the JSON that the path answers with.

        Raises:
            DemoFailed: It answers with an error, or not at all.
        """
        return await asyncio.to_thread(self._send, "GET", path, None, "")

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """What the path answers to a JSON body.

        Raises:
            DemoFailed: It answers with an error, or not at all.
        """
        return await asyncio.to_thread(
            self._send, "POST", path, json.dumps(body).encode(), "application/json"
        )

    async def upload(self, path: str, name: str, content: bytes, fields: dict[str, str]) -> Any:
        """What the path answers to a form with one file, in the part `name`.

        Raises:
            DemoFailed: It answers with an error, or not at all.
        """
        boundary = secrets.token_hex(16)
        body = _form(boundary, name, content, fields)
        return await asyncio.to_thread(
            self._send, "POST", path, body, f"multipart/form-data; boundary={boundary}"
        )

    def _send(self, method: str, path: str, body: bytes | None, content_type: str) -> Any:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if body is not None:
            headers["Content-Type"] = content_type
        address = self.base_url + quote(path, safe="/?&=")
        request = urllib.request.Request(address, data=body, headers=headers, method=method)  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own http address
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                said = error.read(2000).decode(errors="replace")
            raise DemoFailed(
                f"{method} {path} answered {error.code}: {said}", status_code=error.code
            ) from error
        except (OSError, ValueError) as error:
            raise DemoFailed(f"{method} {path} was not answered: {error}") from error


def _form(boundary: str, name: str, content: bytes, fields: dict[str, str]) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
    parts += [f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(), content]
    return b"".join(parts) + f"\r\n--{boundary}--\r\n".encode()
