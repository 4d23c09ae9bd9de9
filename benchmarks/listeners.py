"""Clients of streams in a separate process: `python -m benchmarks.listeners PORT KEY`, with the job IDs on stdin."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from benchmarks.upstream import STAMP

AT = "at="
"""The start of a log text with the time of the event."""


async def main(port: int, api_key: str, jobs: list[str]) -> list[float]:
    """Follow every job to its end, and return the delays in seconds of all events and first deltas with a time."""
    started = asyncio.Semaphore(0)
    late_s: list[float] = []
    following = [asyncio.create_task(_follow(port, api_key, job_id, started, late_s)) for job_id in jobs]
    for _ in following:
        await started.acquire()
    print("started", flush=True)
    await asyncio.gather(*following)
    return late_s


async def _follow(
    port: int, api_key: str, job_id: str, started: asyncio.Semaphore, late_s: list[float]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /v1/jobs/{job_id}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api_key}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode(errors="replace"))
    started.release()
    steps: set[int] = set()
    while line := await reader.readline():
        now = time.monotonic()
        if (sent_at := _timestamp(line, steps)) is not None:
            late_s.append(now - sent_at)
        if line.startswith(b"event: end"):
            break
    writer.close()


def _timestamp(line: bytes, steps: set[int]) -> float | None:
    """Return the time in a log event, or in the first text of a step.

    A reply that is complete before its first delta is sent arrives as an event, without deltas.
    """
    if not line.startswith(b"data:") or b'"text"' not in line:
        return None
    event = json.loads(line.removeprefix(b"data:"))
    if event.get("type") == "log":
        text: str = event["payload"]["text"]
        return float(text.removeprefix(AT)) if text.startswith(AT) else None
    if "type" not in event:
        step, text = event["step"], event["text"]
    elif event["type"] == "model_response":
        step = event["payload"]["step"]
        text = "".join(block.get("text", "") for block in event["payload"].get("blocks", ()))
    else:
        return None
    if step in steps or not text:
        return None
    steps.add(step)
    return float(text[:STAMP])


if __name__ == "__main__":
    found = asyncio.run(main(int(sys.argv[1]), sys.argv[2], json.loads(sys.stdin.readline())))
    print(json.dumps(found))
