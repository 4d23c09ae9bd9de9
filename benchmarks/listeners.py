"""Clients of streams in a process of their own: `python -m benchmarks.listeners PORT KEY`, the jobs on its input."""

from __future__ import annotations

import asyncio
import json
import sys
import time


async def main(port: int, api_key: str, jobs: list[str]) -> list[float]:
    """Follow every job to its end; gives how late each event with a time in it was, in seconds."""
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
    while line := await reader.readline():
        if line.startswith(b"data:") and b'"at"' in line:
            now = time.monotonic()
            event = json.loads(line.removeprefix(b"data:"))
            if event["type"] == "log":
                late_s.append(now - event["payload"]["at"])
        if line.startswith(b"event: end"):
            break
    writer.close()


if __name__ == "__main__":
    found = asyncio.run(main(int(sys.argv[1]), sys.argv[2], json.loads(sys.stdin.readline())))
    print(json.dumps(found))
