"""The bytes of uploads that go on over several requests: one file each, which only one request writes at a time.

How far an upload has come is the length of its file, so that nothing has to be stored for it but the bytes.
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
from backend.data.drive.upload_errors import (
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
    """What the bytes of one request must have."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class More:
    """More bytes of an upload."""

    offset: int
    """Where they go on."""
    body: AsyncIterable[bytes]
    checksum: Checksum | None


def parse_checksum(value: str | None) -> Checksum | None:
    """The header `Upload-Checksum`: an algorithm, a space, and base64.

    Raises:
        BadUpload: it cannot be read, or names another algorithm than ours.
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
    """How far the upload in the file has come.

    Raises:
        UploadMissing: there is no file of it on this machine.
    """
    try:
        return file.stat().st_size
    except FileNotFoundError:
        raise UploadMissing from None


@contextmanager
def held(file: Path) -> Iterator[int]:
    """A descriptor of the upload's file that nobody else has meanwhile, in whatever process.

    Raises:
        UploadMissing: there is no file of it on this machine.
        UploadBusy: another request is writing it.
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
            raise UploadMissing  # it was finished or given up while we came to it
        yield descriptor
    finally:
        os.close(descriptor)


def _is_named(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


async def append(descriptor: int, more: More, length: int) -> int:
    """Write what comes, and keep what had come when the line is cut; says how far it is now.

    With a checksum all of it is kept or nothing.

    Raises:
        WrongOffset: the upload is not that far, or farther.
        UploadChunkTooLarge: more comes than the upload has left.
        ChecksumMismatch: what came has another digest.
        DriveFull: the disk has no room.
    """
    size = os.fstat(descriptor).st_size
    if size != more.offset:
        raise WrongOffset(more.offset, size)
    writing = _Writing(descriptor, more.offset, length, more.checksum)
    try:
        async for chunk in more.body:
            await writing.add(chunk)
        await writing.flush()
        writing.check()
    except ClientDisconnect:
        await _keep_or_undo(writing, more)
        raise BadUpload(
            "The connection ended before the bytes did. Ask how far it came, and go on."
        ) from None
    except BaseException:
        await _keep_or_undo(writing, more)
        raise
    await to_thread(os.fsync, descriptor)
    return writing.size


async def _keep_or_undo(writing: _Writing, more: More) -> None:
    if more.checksum is not None or writing.is_too_long:
        os.ftruncate(writing.descriptor, more.offset)
    else:
        await writing.flush()


class _Writing:
    """Writes in pieces of a mebibyte."""

    def __init__(self, descriptor: int, offset: int, length: int, checksum: Checksum | None) -> None:
        self.descriptor = descriptor
        self.size = offset
        self.is_too_long = False
        self._length = length
        self._checksum = checksum
        self._pending = bytearray()
        self._hash: Any = hashlib.new(checksum.algorithm, usedforsecurity=False) if checksum else None

    async def add(self, chunk: bytes) -> None:
        """Take what has come."""
        if self.size + len(self._pending) + len(chunk) > self._length:
            self.is_too_long = True
            raise UploadChunkTooLarge(self._length)
        self._pending += chunk
        if len(self._pending) >= _WRITE_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Write what has come."""
        data = bytes(self._pending)
        self._pending.clear()
        await _whole(to_thread(self._write, data))
        DRIVE_BYTES.labels("in").inc(len(data))

    def check(self) -> None:
        """Refuse what has another digest than it should."""
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


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Wait for a thread even when this task is cancelled: it writes to a descriptor that is closed after it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
