"""Read an open object: its first bytes are read when it is opened, the rest later.

All data are those of one object: if it is replaced meanwhile, reading fails.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from uuid import UUID

import httpx

from backend.core.clock import now
from backend.storage import DriveEntry
from backend.storage.errors import StorageUnavailable
from backend.storage.file_errors import DriveFileMissing
from backend.storage.paths import DrivePath
from backend.storage.supabase import keys, responses
from backend.storage.supabase.bucket import Bucket, StoredObject, version_of
from backend.storage.supabase.responses import StorageError
from backend.storage.supabase.retries import with_retries

HEAD_BYTES: Final = 64 * 1024
"""Read when the object is opened: most files are not longer."""
DIRECT_FROM_BYTES: Final = 8 * 1024 * 1024
"""Smaller files are sent by this process, since another request would cost the client more time."""
_CHUNK_BYTES: Final = 256 * 1024
_MAX_DISCONNECTS: Final = 5
"""Maximum number of lost connections while one file is read."""


class SupabaseOutgoing:
    """An open file of a drive in the storage."""

    def __init__(self, bucket: Bucket, key: str, entry: DriveEntry, head: bytes) -> None:
        self._bucket = bucket
        self._key = key
        self._entry = entry
        self._head = head

    @property
    def entry(self) -> DriveEntry:
        """See `Outgoing.entry`."""
        return self._entry

    async def chunks(self, start: int, length: int) -> AsyncIterator[bytes]:
        """See `Outgoing.chunks`.

        Raises:
            StorageUnavailable: The storage does not respond, or the file was replaced.
        """
        end = min(start + length, self._entry.size_bytes)
        if start < min(end, len(self._head)):
            yield self._head[start : min(end, len(self._head))]
            start = min(end, len(self._head))
        disconnects = 0
        while start < end:
            try:
                async for chunk in self._part(start, end):
                    start += len(chunk)
                    yield chunk
            except httpx.TransportError:
                disconnects += 1
                if disconnects > _MAX_DISCONNECTS:
                    raise StorageUnavailable from None
            else:
                if start < end:
                    raise StorageUnavailable("The file became shorter while it was read. Retry.")

    async def pin_version(self) -> None:
        """See `Outgoing.pin_version`: an object has one version as long as it exists."""

    async def is_unchanged(self) -> bool:
        """See `Outgoing.is_unchanged`: all data were those of one object."""
        return True

    async def direct_url(self, *, ttl_s: int) -> str | None:
        """See `Outgoing.direct_url`: for large files, if other hosts can reach the storage."""
        if not self._bucket.connection.is_public or self._entry.size_bytes < DIRECT_FROM_BYTES:
            return None
        filename = self._entry.path.rpartition("/")[2]
        return await self._bucket.signed_url(self._key, ttl_s=ttl_s, filename=filename)

    async def close(self) -> None:
        """See `Outgoing.close`."""

    async def _part(self, start: int, end: int) -> AsyncIterator[bytes]:
        try:
            async with self._bucket.reading(self._key, start, end) as response:
                skip = 0 if response.status_code == 206 else start
                if version_of(response.headers.get("etag")) != self._entry.version:
                    raise StorageUnavailable("The file was replaced while it was read. Retry.")
                left = end - start
                async for chunk in response.aiter_raw(_CHUNK_BYTES):
                    piece = chunk[skip:][:left]
                    skip = max(0, skip - len(chunk))
                    left -= len(piece)
                    if piece:
                        yield piece
                    if not left:
                        return
        except StorageError as error:
            if error.is_missing or error.status == 416:
                raise StorageUnavailable("The file was removed while it was read.") from None
            raise responses.as_puras_error(error) from None


async def opened(bucket: Bucket, project_id: UUID, path: DrivePath) -> SupabaseOutgoing:
    """Open the file at the path.

    Raises:
        DriveFileMissing: The file does not exist.
        StorageUnavailable: The storage does not respond.
    """
    key = keys.object_key(project_id, path)

    async def read_head() -> SupabaseOutgoing:
        async with bucket.reading(key, 0, HEAD_BYTES) as response:
            stored = _of_headers(key, response)
            head = bytearray()
            async for chunk in response.aiter_raw(HEAD_BYTES):
                head += chunk
                if len(head) >= HEAD_BYTES:
                    break
            return SupabaseOutgoing(bucket, key, entry_of(path, stored), bytes(head[:HEAD_BYTES]))

    try:
        return await with_retries(bucket.connection.retry_policy, f"read from {bucket.name}", read_head)
    except StorageError as error:
        if error.status == 416:  # the file is empty, so that it has no first byte
            stored = await bucket.find(key)
            if stored is not None:
                return SupabaseOutgoing(bucket, key, entry_of(path, stored), b"")
        elif not error.is_missing:
            raise responses.as_puras_error(error) from None
        raise DriveFileMissing(str(path)) from None


def entry_of(path: DrivePath, stored: StoredObject) -> DriveEntry:
    """Return the object as a file of a drive."""
    return DriveEntry(
        path=str(path),
        size_bytes=stored.size_bytes,
        modified_at=stored.modified_at.astimezone(UTC),
        is_folder=False,
        version=stored.version,
    )


def _of_headers(key: str, response: httpx.Response) -> StoredObject:
    headers = response.headers
    whole = headers.get("content-range", "").rpartition("/")[2]
    size = whole if response.status_code == 206 else headers.get("content-length", "")
    if not size.isdecimal():
        raise StorageError(502, "unreadable", "the response does not contain the size of the file")
    return StoredObject(
        key, int(size), version_of(headers.get("etag")), _time(headers.get("last-modified", ""))
    )


def _time(text: str) -> datetime:
    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return now()
