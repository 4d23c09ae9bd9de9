"""Forward bytes: the body of exactly one request, or a tunnel in both directions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from backend.core.net.egress.errors import Malformed

IDLE_S: Final = 900.0  # without a byte in either direction; a model may think for minutes
_CHUNK_BYTES: Final = 64 * 1024
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(;[\t\x20-\x7e]*)?\r\n\Z")
_MAX_LINE_BYTES: Final = 4096

Count = Callable[[int], None]


async def send_body(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, length: int | None, count: Count
) -> None:
    """Forward a body of a known length or in chunks, and nothing after it.

    Raises:
        Malformed: the chunks are invalid.
        IncompleteReadError: it ends too early.
    """
    if length is not None:
        await _exactly(source, sink, length, count)
        return
    while size := await _chunk_size(source):
        sink.write(b"%x\r\n" % size)
        await _exactly(source, sink, size, count)
        if await source.readexactly(2) != b"\r\n":
            raise Malformed("a chunk of the request's body is longer than its declared size")
        sink.write(b"\r\n")
    await _skip_trailers(source)
    sink.write(b"0\r\n\r\n")
    await sink.drain()


async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter, count: Count) -> None:
    """Forward data until its end, and then the end itself."""
    with suppress(OSError):
        while data := await source.read(_CHUNK_BYTES):
            count(len(data))
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()


async def _exactly(
    source: asyncio.StreamReader, sink: asyncio.StreamWriter, length: int, count: Count
) -> None:
    while length:
        data = await source.read(min(_CHUNK_BYTES, length))
        if not data:
            raise asyncio.IncompleteReadError(b"", length)
        length -= len(data)
        count(len(data))
        sink.write(data)
        await sink.drain()


async def _chunk_size(source: asyncio.StreamReader) -> int:
    found = _SIZE.match(await _line(source))
    if found is None:
        raise Malformed("the request's body is not chunked, but its header declares chunks")
    return int(found[1], 16)


async def _skip_trailers(source: asyncio.StreamReader) -> None:
    for _ in range(64):
        if await _line(source) == b"\r\n":
            return
    raise Malformed("the request's body does not end after its last chunk")


async def _line(source: asyncio.StreamReader) -> bytes:
    try:
        line = await source.readuntil(b"\r\n")
    except asyncio.LimitOverrunError:
        raise Malformed("a line of the request's body has no end") from None
    if len(line) > _MAX_LINE_BYTES or b"\n" in line[:-2] or b"\r" in line[:-2]:
        raise Malformed("a line of the request's body has no proper end")
    return line
