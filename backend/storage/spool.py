"""Files on their way in, in a folder of this machine where no job reaches them before they are whole."""

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
_ABANDONED_S: Final = 24 * 3600  # longer than any upload lasts


class Spooled:
    """One file on its way in."""

    def __init__(self, staged: Path, begun: Path | None = None) -> None:
        self.staged = staged
        self.begun = begun
        if begun is None:
            self._file = staged.open("x+b", buffering=_BUFFER_BYTES)
        else:
            staged.hardlink_to(begun)
            self._file = staged.open("r+b", buffering=_BUFFER_BYTES)
        self._hash = hashlib.sha256()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """How many bytes were written so far."""
        return self._size_bytes

    @property
    def sha256(self) -> str:
        """Of all that was written so far, hexadecimal."""
        return self._hash.hexdigest()

    @property
    def descriptor(self) -> int:
        """The open file; it has everything after `flush`."""
        return self._file.fileno()

    async def take_up(self) -> None:
        """Count what is in the file already."""
        if self.begun is not None:
            await to_thread(self._take_up)

    async def write(self, chunk: bytes) -> None:
        """Add to the end.

        Raises:
            DriveFull: the disk has no room.
        """
        await to_thread(self._write, chunk)

    def flush(self, *, durably: bool) -> None:
        """Bring everything into the file, and onto the disk if asked; blocks.

        Raises:
            DriveFull: the disk has no room.
        """
        try:
            self._file.flush()
            if durably:
                os.fsync(self._file.fileno())
        except OSError as error:
            drive_files.raise_if_full(error)
            raise

    def discard(self) -> None:
        """Forget the file, unless it was moved elsewhere."""
        try:
            self._file.close()
        except OSError as error:
            drive_files.raise_if_full(error)
            raise
        finally:
            self.staged.unlink(missing_ok=True)

    def _take_up(self) -> None:
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
    """The folder of files on their way in."""

    def __init__(self, folder: Path) -> None:
        """Use the folder, made if need be, and clear what uploads that died long ago have left in it."""
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        long_ago = time.time() - _ABANDONED_S
        for staged in folder.iterdir():
            with suppress(FileNotFoundError):  # another process clears it too
                if staged.stat().st_mtime < long_ago:
                    staged.unlink()

    def new_path(self) -> Path:
        """Where the next file goes."""
        return self._folder / uuid4().hex

    @asynccontextmanager
    async def file(self, begun: Path | None = None) -> AsyncIterator[Spooled]:
        """A new file, gone in the end; it begins with what is in the file `begun`, if given."""
        spooled = Spooled(self.new_path(), begun)
        try:
            await spooled.take_up()
            yield spooled
        finally:
            spooled.discard()
