"""Putting a file into a bucket: in one request when it is small, else in pieces that survive a cut line.

Both ways the object appears whole, in the place of an older one, with the last piece; before that piece is sent,
`still_wanted` is asked once more, so that who has lost the right to write meanwhile changes nothing.
"""

from __future__ import annotations

import base64
import os
from asyncio import to_thread
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import httpx

from backend.storage import StillWanted
from backend.storage.errors import StorageUnavailable
from backend.storage.supabase import answers
from backend.storage.supabase.answers import Answer
from backend.storage.supabase.bucket import Bucket
from backend.storage.supabase.retries import until_answered

PIECE_BYTES: Final = 6 * 1024 * 1024
"""What the storage wants each piece but the last to have; smaller files go in one request."""
_CHUNK_BYTES: Final = 256 * 1024
_TUS: Final = "1.0.0"
_MAX_BREAKS: Final = 8
"""How often the storage may lose its place in one file."""


@dataclass(frozen=True, slots=True)
class Source:
    """An open file whose first bytes are sent; a change of its size meanwhile makes no difference."""

    descriptor: int
    size_bytes: int
    mime: str

    async def read(self, start: int, length: int) -> bytes:
        """Exactly `length` bytes; those that the file has lost meanwhile are zeros."""
        data = await to_thread(os.pread, self.descriptor, length, start)
        return data + bytes(length - len(data))


async def always() -> None:
    """For uploads that nobody can lose the right to."""


async def upload(bucket: Bucket, key: str, source: Source, still_wanted: StillWanted = always) -> None:
    """Make the file the object of that key, in the place of an older one.

    Raises:
        StorageUnavailable: the storage does not answer; the object is the old one, or the new one.
        StoredFileTooLarge: the storage takes no file of that size.
    """
    try:
        if source.size_bytes <= PIECE_BYTES:
            await _in_one(bucket, key, source, still_wanted)
        else:
            await _in_pieces(bucket, key, source, still_wanted)
    except Answer as answer:
        raise answers.as_ours(answer) from None


async def _in_one(bucket: Bucket, key: str, source: Source, still_wanted: StillWanted) -> None:
    connection = bucket.connection
    headers = {
        **connection.headers,
        "x-upsert": "true",
        "cache-control": "no-cache",
        "content-type": source.mime,
        "content-length": str(source.size_bytes),
    }

    async def put() -> None:
        body = _chunks(source, 0, source.size_bytes, still_wanted)
        if not source.size_bytes:
            await still_wanted()
        _check(await connection.http.post(bucket.object_url(key), headers=headers, content=body))

    await until_answered(connection.patience, f"upload to {bucket.name}", put)


async def _in_pieces(bucket: Bucket, key: str, source: Source, still_wanted: StillWanted) -> None:
    connection = bucket.connection
    what = f"upload to {bucket.name}"
    for _ in range(_MAX_BREAKS):
        address = await until_answered(connection.patience, what, lambda: _begun(bucket, key, source))
        offset: int | None = 0
        while offset is not None and offset < source.size_bytes:
            send = _sending(bucket, address, source, offset, still_wanted)
            offset = await until_answered(connection.patience, what, send)
        if offset is not None:
            return
    raise StorageUnavailable


async def _begun(bucket: Bucket, key: str, source: Source) -> str:
    """The address of a new upload in pieces."""
    connection = bucket.connection
    facts = {
        "bucketName": bucket.name,
        "objectName": key,
        "contentType": source.mime,
        "cacheControl": "no-cache",
    }
    headers = {
        **connection.headers,
        "tus-resumable": _TUS,
        "x-upsert": "true",
        "upload-length": str(source.size_bytes),
        "upload-metadata": ",".join(f"{name} {_base64(value)}" for name, value in facts.items()),
    }
    base = f"{connection.storage_url}upload/resumable"
    response = _check(await connection.http.post(base, headers=headers))
    address: str = urljoin(base, response.headers.get("location", ""))
    if not address.startswith(base + "/"):
        # Elsewhere our key would be told to somebody who may not have it.
        address = f"{base}/{address.rstrip('/').rpartition('/')[2]}"
    return address


def _sending(
    bucket: Bucket, address: str, source: Source, known_offset: int, still_wanted: StillWanted
) -> Callable[[], Awaitable[int | None]]:
    """Sends the piece at the offset; a second try asks first how far the storage came with the one before."""
    is_first = True

    async def send() -> int | None:
        nonlocal is_first
        offset: int | None = known_offset
        if not is_first:
            offset = await _reached(bucket, address)
        is_first = False
        if offset is None or offset >= source.size_bytes:
            return offset
        return await _send_piece(bucket, address, source, offset, still_wanted)

    return send


async def _send_piece(
    bucket: Bucket, address: str, source: Source, offset: int, still_wanted: StillWanted
) -> int | None:
    length = min(PIECE_BYTES, source.size_bytes - offset)
    is_last = offset + length == source.size_bytes
    headers = {
        **bucket.connection.headers,
        "tus-resumable": _TUS,
        "upload-offset": str(offset),
        "content-type": "application/offset+octet-stream",
        "content-length": str(length),
    }
    body = _chunks(source, offset, length, still_wanted if is_last else always)
    response = await bucket.connection.http.patch(address, headers=headers, content=body)
    if response.status_code in (404, 409, 410):  # it has lost the upload, or is elsewhere in it
        return await _reached(bucket, address)
    return int(_check(response).headers.get("upload-offset", offset + length))


async def _reached(bucket: Bucket, address: str) -> int | None:
    """How many bytes the storage has of an upload; none if it does not know it any more."""
    response = await bucket.connection.http.head(
        address, headers={**bucket.connection.headers, "tus-resumable": _TUS}
    )
    if response.status_code in (400, 404, 410):
        return None
    return int(_check(response).headers["upload-offset"])


async def _chunks(source: Source, start: int, length: int, still_wanted: StillWanted) -> AsyncIterator[bytes]:
    end = start + length
    while start < end:
        chunk = await source.read(start, min(_CHUNK_BYTES, end - start))
        start += len(chunk)
        if start == end:
            await still_wanted()
        yield chunk


def _check(response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise answers.of_response(response)
    return response


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
