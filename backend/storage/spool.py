"""Files that are being received, in a folder of this host that no job can access."""

from __future__ import annotations

import hashlib
import os
import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from backend.storage import drive_files

_BUFFER_BYTES: Final = 1024 * 1024
_ABANDONED_S: Final = 24 * 3600
"""Longer than any upload takes."""


class Spooled:
    """One file that is being received."""

    def __init__(self, staged: Path, partial_file: Path | None = None) -> None:
        self.staged = staged
        self.partial_file = partial_file
        if partial_file is None:
            self._file = staged.open("x+b", buffering=_BUFFER_BYTES)
        else:
            staged.hardlink_to(partial_file)
            self._file = staged.open("r+b", buffering=_BUFFER_BYTES)
        self._hash = hashlib.sha256()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Return the number of bytes written so far."""
        return self._size_bytes

    @property
    def sha256(self) -> str:
        """Return the hash of all bytes written so far, in hexadecimal."""
        return self._hash.hexdigest()

    @property
    def descriptor(self) -> int:
        """Return the descriptor of the file, which is complete after `flush`."""
        return self._file.fileno()

    async def read_start(self) -> None:
        """Count and hash the existing content of the file."""
        if self.partial_file is not None:
            await to_thread(self._read_start)

    async def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            DriveFull: The disk is full.
        """
        await to_thread(self._write, chunk)

    def flush(self, *, durably: bool) -> None:
        """Write all buffered data to the file, and to the disk with `durably`; this blocks.

        Raises:
            DriveFull: The disk is full.
        """
        try:
            self._file.flush()
            if durably:
                os.fsync(self._file.fileno())
        except OSError as error:
            drive_files.raise_if_full(error)
            raise

    def discard(self) -> None:
        """Delete the file, unless it was moved."""
        try:
            self._file.close()
        except OSError as error:
            drive_files.raise_if_full(error)
            raise
        finally:
            self.staged.unlink(missing_ok=True)

    def _read_start(self) -> None:
        while chunk := self._file.read(_BUFFER_BYTES):
            self._hash.update(chunk)
            self._size_bytes += len(chunk)

    def _write(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self._size_bytes += len(chunk)
        try:
            self._file.write(chunk)
        except OSError as error:
            drive_files.raise_if_full(error)
            raise


class Spool:
    """The folder of files that are being received."""

    def __init__(self, folder: Path) -> None:
        """Use the folder, create it if needed, and delete old files of interrupted uploads."""
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        long_ago = time.time() - _ABANDONED_S
        for staged in folder.iterdir():
            with suppress(FileNotFoundError):  # another process may delete it too
                if staged.stat().st_mtime < long_ago:
                    staged.unlink()

    def new_path(self) -> Path:
        """Return the path of the next file."""
        return self._folder / uuid4().hex

    @asynccontextmanager
    async def file(self, partial_file: Path | None = None) -> AsyncIterator[Spooled]:
        """Open a new file, which is deleted at the end; it starts with the content of `partial_file`, if given."""
        spooled = Spooled(self.new_path(), partial_file)
        try:
            await spooled.read_start()
            yield spooled
        finally:
            spooled.discard()
