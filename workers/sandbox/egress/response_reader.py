"""Hearing an answer to its end, whatever becomes of the request."""

from __future__ import annotations

import asyncio

from backend.core.net.egress.dialing import READ_AHEAD_BYTES, Streams


async def heard_apart(upstream: Streams) -> Streams:
    """The same connection, read from beside: call it before anything is sent, and close both in the end.

    A server may answer and close before it has read the whole request. Writing to it fails then, and the streams of
    asyncio throw away what they have read, and read no more, as soon as a write fails: the answer would be lost.
    """
    upstream.writer.transport.pause_reading()  # type: ignore[attr-defined]  # that of a socket reads, too
    socket = upstream.writer.get_extra_info("socket").dup()
    try:
        return Streams(*await asyncio.open_connection(sock=socket, limit=READ_AHEAD_BYTES))
    except BaseException:
        socket.close()
        raise
