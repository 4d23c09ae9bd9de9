"""Create multipart forms, which pushes of bundles use."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from puras.client.messages import Body


def form(fields: Mapping[str, str], *, name: str, filename: str, content: bytes, media_type: str) -> Body:
    """Return a form with fields and one file. The names must be constants, since they are not escaped."""
    boundary = f"puras-{secrets.token_hex(16)}"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in fields.items()
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    )
    body = "".join(parts).encode() + head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return Body.of(body, f"multipart/form-data; boundary={boundary}")


def bundle(content: bytes, **fields: str) -> Body:
    """Return the form of a push: a bundle and its fields."""
    return form(
        fields, name="bundle", filename="skillpack.zip", content=content, media_type="application/zip"
    )
