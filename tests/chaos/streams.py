"""A client that follows the events of a job, with connections that may be cut."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from benchmarks.instance import Running

Event = dict[str, Any]


def follow(
    running: Running,
    job_id: str,
    events: list[Event],
    *,
    max_bytes: int | None = None,
    api_key: str | None = None,
) -> bool:
    """Append frames to `events`, and disconnect after `max_bytes`; return True if the stream has ended."""
    with stream(running, job_id, after=events[-1]["id"] if events else 0, api_key=api_key) as response:
        return append_frames(response.read(max_bytes) if max_bytes is not None else response.read(), events)


@contextmanager
def stream(
    running: Running, job_id: str, *, after: int = 0, api_key: str | None = None
) -> Iterator[http.client.HTTPResponse]:
    """Open the stream of a job, and yield the response after its headers."""
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)) as connection:
        key = api_key or running.api_key
        headers = {"Authorization": f"Bearer {key}", "Last-Event-ID": str(after)}
        connection.request("GET", f"/v1/jobs/{job_id}/stream", headers=headers)
        with connection.getresponse() as response:
            assert response.status == 200
            yield response


def append_frames(text: bytes, events: list[Event]) -> bool:
    """Append the complete frames of the text to `events`; return True if the last one is the end event."""
    complete, _, _ = text.rpartition(b"\n\n")
    is_ended = False
    for block in complete.split(b"\n\n"):
        lines = [line for line in block.split(b"\n") if b": " in line and not line.startswith(b":")]
        fields = dict(line.split(b": ", 1) for line in lines)
        if fields.get(b"event") == b"end":
            is_ended = True
        elif b"data" in fields:
            events.append(json.loads(fields[b"data"]))
    return is_ended
