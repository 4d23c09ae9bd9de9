"""Clients that submit no-op jobs over REST: `python -m benchmarks.load PORT KEYS COUNT CONNECTIONS`.

`KEYS` are API keys with commas between them; the connections use them in turn. See `clients.py` for the protocol.
"""

from __future__ import annotations

import asyncio
import json
import sys
from itertools import count

from benchmarks.clients import report_done, report_ready_and_wait

SKILL = "noop"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def main(port: int, api_keys: list[str], jobs: int, connections: int) -> None:
    """Submit this number of jobs, one after another on each connection."""
    numbers = count()
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(connections)]
    report_ready_and_wait()
    await asyncio.gather(
        *(_connection(each, api_keys[at % len(api_keys)], numbers, jobs) for at, each in enumerate(streams))
    )
    report_done()
    for _, writer in streams:
        writer.close()


async def _connection(streams: Streams, api_key: str, numbers: count[int], jobs: int) -> None:
    reader, writer = streams
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


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3]), int(sys.argv[4])))
