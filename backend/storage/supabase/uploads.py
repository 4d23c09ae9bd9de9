"""Upload a file to a bucket: a small one in one request, others in pieces, so that they survive lost connections.

Either way the object becomes visible with the last piece, and replaces an older one. `still_wanted` is called before
that piece is sent, so that a caller that has lost the right to write changes nothing.
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
from backend.storage.supabase import responses
from backend.storage.supabase.bucket import Bucket
from backend.storage.supabase.responses import StorageError
from backend.storage.supabase.retries import with_retries

PIECE_BYTES: Final = 6 * 1024 * 1024
"""Size that the storage requires for each piece except the last one; smaller files are sent in one request."""
_CHUNK_BYTES: Final = 256 * 1024
_TUS: Final = "1.0.0"
_MAX_RESTARTS: Final = 8
"""Maximum number of times that the storage may lose the state of one upload."""


@dataclass(frozen=True, slots=True)
class Source:
    """An open file whose first bytes are uploaded; changes of its size meanwhile are ignored."""

    descriptor: int
    size_bytes: int
    mime: str

    async def read(self, start: int, length: int) -> bytes:
        """Return exactly `length` bytes; bytes after the end of a file that became shorter are zeros."""
        data = await to_thread(os.pread, self.descriptor, length, start)
        return data + bytes(length - len(data))


async def always() -> None:
    """Return: the check of an upload that may always continue."""


async def upload(bucket: Bucket, key: str, source: Source, still_wanted: StillWanted = always) -> None:
    """Store the file as the object of that key; it replaces an older one.

    Raises:
        StorageUnavailable: The storage does not respond; the object is the old or the new one.
        StoredFileTooLarge: The file exceeds the size limit of the storage.
    """
    try:
        if source.size_bytes <= PIECE_BYTES:
            await _in_one_request(bucket, key, source, still_wanted)
        else:
            await _in_pieces(bucket, key, source, still_wanted)
    except StorageError as error:
        raise responses.as_puras_error(error) from None


async def _in_one_request(bucket: Bucket, key: str, source: Source, still_wanted: StillWanted) -> None:
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

    await with_retries(connection.retry_policy, f"upload to {bucket.name}", put)


async def _in_pieces(bucket: Bucket, key: str, source: Source, still_wanted: StillWanted) -> None:
    connection = bucket.connection
    operation = f"upload to {bucket.name}"
    for _ in range(_MAX_RESTARTS):
        url = await with_retries(
            connection.retry_policy, operation, lambda: _create_upload(bucket, key, source)
        )
        offset: int | None = 0
        while offset is not None and offset < source.size_bytes:
            send = _piece_sender(bucket, url, source, offset, still_wanted)
            offset = await with_retries(connection.retry_policy, operation, send)
        if offset is not None:
            return
    raise StorageUnavailable


async def _create_upload(bucket: Bucket, key: str, source: Source) -> str:
    """Start an upload in pieces, and return its URL."""
    connection = bucket.connection
    metadata = {
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
        "upload-metadata": ",".join(f"{name} {_base64(value)}" for name, value in metadata.items()),
    }
    base = f"{connection.storage_url}upload/resumable"
    response = _check(await connection.http.post(base, headers=headers))
    url: str = urljoin(base, response.headers.get("location", ""))
    if not url.startswith(base + "/"):
        # Another host must not receive the service key.
        url = f"{base}/{url.rstrip('/').rpartition('/')[2]}"
    return url


def _piece_sender(
    bucket: Bucket, url: str, source: Source, known_offset: int, still_wanted: StillWanted
) -> Callable[[], Awaitable[int | None]]:
    """Return a function that sends the piece at the offset; a retry first requests the offset of the storage."""
    is_first = True

    async def send() -> int | None:
        nonlocal is_first
        offset: int | None = known_offset
        if not is_first:
            offset = await _stored_offset(bucket, url)
        is_first = False
        if offset is None or offset >= source.size_bytes:
            return offset
        return await _send_piece(bucket, url, source, offset, still_wanted)

    return send


async def _send_piece(
    bucket: Bucket, url: str, source: Source, offset: int, still_wanted: StillWanted
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
    response = await bucket.connection.http.patch(url, headers=headers, content=body)
    if response.status_code in (404, 409, 410):  # the upload is unknown, or has another offset
        return await _stored_offset(bucket, url)
    return int(_check(response).headers.get("upload-offset", offset + length))


async def _stored_offset(bucket: Bucket, url: str) -> int | None:
    """Return the number of bytes of an upload that the storage has; None if it does not know the upload any more."""
    response = await bucket.connection.http.head(
        url, headers={**bucket.connection.headers, "tus-resumable": _TUS}
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
        raise responses.of_response(response)
    return response


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
