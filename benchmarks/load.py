"""Clients in a separate process: `python -m benchmarks.load PORT KEY COUNT CONNECTIONS` submits no-op jobs."""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count

SKILL = "noop"


async def main(port: int, api_key: str, jobs: int, connections: int) -> None:
    """Submit this number of jobs, one after another on each connection."""
    numbers = count()
    await asyncio.gather(*(_connection(port, api_key, numbers, jobs) for _ in range(connections)))


async def _connection(port: int, api_key: str, numbers: count[int], jobs: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (n := next(numbers)) < jobs:
        body = json.dumps({"skill": SKILL, "inputs": {"n": n}}).encode()
        head = (
            f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {api_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        response = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in response.lower().split(b"\r\n")
            if line.startswith(b"content-length")
        )
        text = await reader.readexactly(length)
        if not response.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(text.decode(errors="replace"))
    writer.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
