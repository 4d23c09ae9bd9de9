"""Read errors of the API, whose form differs below `/v1/openai/`."""

from __future__ import annotations

from typing import Any

import httpx


def error_of(response: httpx.Response) -> dict[str, Any]:
    """Return an error in the common form, also if it was sent in the format of OpenAI."""
    body: dict[str, Any] = response.json()
    sent = body.get("error")
    return body if sent is None else {**sent, "code": sent["puras_code"], "detail": sent["message"]}
