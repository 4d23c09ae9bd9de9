"""Clients of streams in a process of their own: `python -m benchmarks.listeners PORT KEY`, the jobs on its input."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from benchmarks.upstream import STAMP


async def main(port: int, api_key: str, jobs: list[str]) -> list[float]:
    """Follow every job to its end; gives how late each event or first delta with a time in it was, in seconds."""
    begun = asyncio.Semaphore(0)
    late_s: list[float] = []
    following = [asyncio.create_task(_follow(port, api_key, job_id, begun, late_s)) for job_id in jobs]
    for _ in following:
        await begun.acquire()
    print("begun", flush=True)
    await asyncio.gather(*following)
    return late_s


async def _follow(
    port: int, api_key: str, job_id: str, begun: asyncio.Semaphore, late_s: list[float]
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /v1/jobs/{job_id}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api_key}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode(errors="replace"))
    begun.release()
    steps: set[int] = set()
    while line := await reader.readline():
        now = time.monotonic()
        if (begun_at := _moment(line, steps)) is not None:
            late_s.append(now - begun_at)
        if line.startswith(b"event: end"):
            break
    writer.close()


def _moment(line: bytes, steps: set[int]) -> float | None:
    """The time in an event of the log, or in the first delta of a step."""
    if not line.startswith(b"data:") or not (b'"at"' in line or b'"text"' in line):
        return None
    told = json.loads(line.removeprefix(b"data:"))
    if told.get("type") == "log":
        return float(told["payload"]["at"])
    if "type" in told or told["step"] in steps:
        return None
    steps.add(told["step"])
    return float(told["text"][:STAMP])


if __name__ == "__main__":
    found = asyncio.run(main(int(sys.argv[1]), sys.argv[2], json.loads(sys.stdin.readline())))
    print(json.dumps(found))
