"""Send server-sent events in the format of OpenAI."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Final

from fastapi.responses import StreamingResponse

from backend.core.errors import PurasError
from backend.integrations.openai_api.calls import Call
from backend.integrations.openai_api.errors import as_openai

HEARTBEAT: Final = b": still here\n\n"
DONE: Final = b"data: [DONE]\n\n"


def frame(data: dict[str, Any], event: str = "") -> bytes:
    """Return an event as a frame."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def error_body(error: PurasError) -> dict[str, Any]:
    """Return the error of a job in the format of OpenAI."""
    body: dict[str, Any] = as_openai(error.status, error.as_body()).body["error"]
    return body


def streamed(frames: AsyncIterator[bytes], call: Call) -> StreamingResponse:
    """Return the response that sends the frames."""
    return StreamingResponse(
        frames,
        media_type="text/event-stream",
        headers={**call.headers, "Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
