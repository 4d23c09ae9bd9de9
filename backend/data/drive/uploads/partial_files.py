"""Store the bytes of resumable uploads: one file for each, which one request writes at a time.

The progress of an upload is the length of its file, so that nothing else has to be stored for it.
"""

from __future__ import annotations

import asyncio
import base64
import fcntl
import hashlib
import os
from asyncio import to_thread
from collections.abc import AsyncIterable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from starlette.requests import ClientDisconnect

from backend.core.metrics.instruments import DRIVE_BYTES
from backend.data.drive.uploads.errors import (
    ChecksumMismatch,
    UploadBusy,
    UploadChunkTooLarge,
    UploadMissing,
    WrongOffset,
)
from backend.storage.drive_files import raise_if_full
from backend.storage.file_errors import BadUpload

ALGORITHMS: Final = ("sha1", "sha256")
_WRITE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Checksum:
    """The digest that the bytes of one request must have."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class UploadChunk:
    """More bytes of an upload."""

    offset: int
    """The position in the file where they start."""
    body: AsyncIterable[bytes]
    checksum: Checksum | None


def parse_checksum(value: str | None) -> Checksum | None:
    """Parse the header `Upload-Checksum`: an algorithm, a space, and base64.

    Raises:
        BadUpload: It is malformed, or names an algorithm that is not supported.
    """
    if value is None:
        return None
    algorithm, _, encoded = value.partition(" ")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except ValueError:
        digest = b""
    if (
        algorithm not in ALGORITHMS
        or len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size
    ):
        raise BadUpload(
            f"Upload-Checksum cannot be read. Write one of {', '.join(ALGORITHMS)}, a space, and the digest as base64."
        )
    return Checksum(algorithm, digest)


def length(file: Path) -> int:
    """Return how many bytes of the upload are stored.

    Raises:
        UploadMissing: This host has no file of it.
    """
    try:
        return file.stat().st_size
    except FileNotFoundError:
        raise UploadMissing from None


@contextmanager
def locked(file: Path) -> Iterator[int]:
    """Open the upload's file and lock it against all other processes of the host.

    Raises:
        UploadMissing: This host has no file of it.
        UploadBusy: Another request is writing it.
    """
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        raise UploadMissing from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UploadBusy from None
        if not _is_named(descriptor, file):
            raise UploadMissing  # it was finished or abandoned before it could be locked
        yield descriptor
    finally:
        os.close(descriptor)


def _is_named(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


async def append(descriptor: int, chunk: UploadChunk, length: int) -> int:
    """Write the bytes that arrive, and return the new length.

    If the connection drops, the bytes so far are kept. With a checksum, all bytes are kept or none.

    Raises:
        WrongOffset: The upload has another length than the offset.
        UploadChunkTooLarge: There are more bytes than the upload lacks.
        ChecksumMismatch: The bytes have another digest.
        DriveFull: The disk is full.
    """
    size = os.fstat(descriptor).st_size
    if size != chunk.offset:
        raise WrongOffset(chunk.offset, size)
    writer = _Writer(descriptor, chunk.offset, length, chunk.checksum)
    try:
        async for data_piece in chunk.body:
            await writer.add(data_piece)
        await writer.flush()
        writer.check()
    except ClientDisconnect:
        await _keep_or_undo(writer, chunk)
        raise BadUpload(
            "The connection dropped before all bytes arrived. Read the offset with HEAD, and continue there."
        ) from None
    except BaseException:
        await _keep_or_undo(writer, chunk)
        raise
    await to_thread(os.fsync, descriptor)
    return writer.size


async def _keep_or_undo(writer: _Writer, chunk: UploadChunk) -> None:
    if chunk.checksum is not None or writer.is_too_long:
        os.ftruncate(writer.descriptor, chunk.offset)
    else:
        await writer.flush()


class _Writer:
    """Writes in pieces of 1 MiB."""

    def __init__(self, descriptor: int, offset: int, length: int, checksum: Checksum | None) -> None:
        self.descriptor = descriptor
        self.size = offset
        self.is_too_long = False
        self._length = length
        self._checksum = checksum
        self._pending = bytearray()
        self._hash: Any = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None

    async def add(self, data_piece: bytes) -> None:
        """Add bytes to the buffer, and write the buffer when it is full."""
        if self.size + len(self._pending) + len(data_piece) > self._length:
            self.is_too_long = True
            raise UploadChunkTooLarge(self._length)
        self._pending += data_piece
        if len(self._pending) >= _WRITE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write the buffer."""
        data = bytes(self._pending)
        self._pending.clear()
        await _uncancelled(to_thread(self._write, data))
        DRIVE_BYTES.labels("in").inc(len(data))

    def check(self) -> None:
        """Reject bytes that have another digest than the checksum."""
        if self._checksum is not None and self._hash.digest() != self._checksum.digest:
            raise ChecksumMismatch(self._checksum.algorithm)

    def _write(self, data: bytes) -> None:
        if self._hash is not None:
            self._hash.update(data)
        view = memoryview(data)
        try:
            while view:
                written = os.pwrite(self.descriptor, view, self.size)
                self.size += written
                view = view[written:]
        except OSError as error:
            raise_if_full(error)
            raise


async def _uncancelled(work: Coroutine[Any, Any, None]) -> None:
    """Wait for a thread even if this task is cancelled, since the descriptor that it writes to is closed afterwards."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
