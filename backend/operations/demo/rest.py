"""A client of the REST API for the demo, which only needs an API key, like any application."""

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
    """An instance, and an API key of one of its projects."""

    base_url: str
    api_key: str = field(repr=False)

    async def get(self, path: str) -> Any:
        """Return the JSON response of a GET request.

        Raises:
            DemoFailed: The response is an error, or there is none.
        """
        return await asyncio.to_thread(self._send, "GET", path, None, "")

    async def post(self, path: str, body: dict[str, Any]) -> Any:
        """Return the JSON response of a POST request with a JSON body.

        Raises:
            DemoFailed: The response is an error, or there is none.
        """
        return await asyncio.to_thread(
            self._send, "POST", path, json.dumps(body).encode(), "application/json"
        )

    async def upload(self, path: str, name: str, content: bytes, fields: dict[str, str]) -> Any:
        """Return the JSON response of a form with one file, in the part `name`.

        Raises:
            DemoFailed: The response is an error, or there is none.
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
        url = self.base_url + quote(path, safe="/?&=")
        request = urllib.request.Request(url, data=body, headers=headers, method=method)  # noqa: S310 - of this instance
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - of this instance
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                detail = error.read(2000).decode(errors="replace")
            raise DemoFailed(
                f"{method} {path} returned status {error.code}: {detail}", status_code=error.code
            ) from error
        except (OSError, ValueError) as error:
            raise DemoFailed(f"{method} {path} returned no response: {error}") from error


def _form(boundary: str, name: str, content: bytes, fields: dict[str, str]) -> bytes:
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
    parts += [f"{head}Content-Type: application/octet-stream\r\n\r\n".encode(), content]
    return b"".join(parts) + f"\r\n--{boundary}--\r\n".encode()
