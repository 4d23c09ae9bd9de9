"""Following a job's events as an app does, with connections that may be cut."""

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
    most_bytes: int | None = None,
    api_key: str | None = None,
) -> bool:
    """Read frames onto `events`, and drop the connection after so many bytes; True when the stream said its end."""
    with stream(running, job_id, after=events[-1]["id"] if events else 0, api_key=api_key) as answer:
        return take(answer.read(most_bytes) if most_bytes is not None else answer.read(), events)


@contextmanager
def stream(
    running: Running, job_id: str, *, after: int = 0, api_key: str | None = None
) -> Iterator[http.client.HTTPResponse]:
    """An answer that has begun; what follows is to be read from it."""
    with closing(http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)) as connection:
        key = api_key or running.api_key
        headers = {"Authorization": f"Bearer {key}", "Last-Event-ID": str(after)}
        connection.request("GET", f"/v1/jobs/{job_id}/stream", headers=headers)
        with connection.getresponse() as answer:
            assert answer.status == 200
            yield answer


def take(text: bytes, events: list[Event]) -> bool:
    """Put the whole frames of the text onto `events`; True when the last of them says the end."""
    whole, _, _ = text.rpartition(b"\n\n")
    is_ended = False
    for block in whole.split(b"\n\n"):
        lines = [line for line in block.split(b"\n") if b": " in line and not line.startswith(b":")]
        fields = dict(line.split(b": ", 1) for line in lines)
        if fields.get(b"event") == b"end":
            is_ended = True
        elif b"data" in fields:
            events.append(json.loads(fields[b"data"]))
    return is_ended
