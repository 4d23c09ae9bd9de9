"""Forward the response to one plain HTTP request, after which the connection is closed."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from backend.core.net.egress.connector import READ_AHEAD_BYTES, Streams
from backend.core.net.egress.errors import EgressFailed

from .body import Count, pipe

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})[ \r]")
_MAX_INTERIM: Final = 16
_SWITCHED: Final = 101
_OF_THIS_HOP: Final = frozenset({b"connection", b"keep-alive", b"proxy-connection", b"upgrade"})


async def pass_response(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, host: str, count: Count
) -> None:
    """Forward the response of a host until its end.

    Raises:
        EgressFailed: it is not a valid response.
    """
    for _ in range(_MAX_INTERIM):
        head = await _head(source, host)
        found = _STATUS.match(head)
        if found is None or int(found[1]) == _SWITCHED:
            raise EgressFailed(502, f"{host} sent a response that is not HTTP/1.1")
        count(len(head))
        if int(found[1]) >= 200:
            sink.write(_closing(head))
            await pipe(source, sink, count)
            return
        sink.write(head)
        await sink.drain()
    raise EgressFailed(502, f"{host} sent only interim responses, and no final one")


async def _head(source: asyncio.StreamReader, host: str) -> bytes:
    try:
        return await source.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError:
        raise EgressFailed(502, f"{host} sent a response with too long headers") from None
    except (asyncio.IncompleteReadError, OSError):
        raise EgressFailed(502, f"{host} closed the connection without a response") from None


def _closing(head: bytes) -> bytes:
    """Return the head with `Connection: close`, without which clients would reuse the connection."""
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    headers = [line for line in lines[1:] if line.partition(b":")[0].strip().lower() not in _OF_THIS_HOP]
    return b"\r\n".join([lines[0], *headers, b"Connection: close"]) + b"\r\n\r\n"


async def read_separately(upstream: Streams) -> Streams:
    """Return the same connection, read separately: call it before anything is sent, and close both in the end.

    A server may respond and close before it has read the whole request. Writing to it fails then, and the streams of
    asyncio discard what they have read, and stop reading, as soon as a write fails: the response would be lost.
    """
    upstream.writer.transport.pause_reading()  # type: ignore[attr-defined]  # the transport of a socket reads, too
    socket = upstream.writer.get_extra_info("socket").dup()
    try:
        return Streams(*await asyncio.open_connection(sock=socket, limit=READ_AHEAD_BYTES))
    except BaseException:
        socket.close()
        raise
