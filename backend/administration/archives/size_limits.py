"""Bytes whose size and hash are known before they go into an archive: its headers come first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

CHUNK_BYTES = 1024 * 1024
_IN_MEMORY_BYTES = 8 * CHUNK_BYTES


class Measured:
    """Bytes that were written once and can be read again; large ones wait in a nameless file in `folder`.

    A live file of a drive may grow, shrink or change while it is read. What goes into the archive is what was read.
    """

    def __init__(self, folder: Path) -> None:
        # Closed by `__exit__`, which whoever makes one must run.
        self._file = SpooledTemporaryFile(_IN_MEMORY_BYTES, dir=str(folder))  # noqa: SIM115 - closed with its owner
        self._hash = hashlib.sha256()
        self.size_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def sha256(self) -> str:
        """Of all that was written, hexadecimal."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Add to the end."""
        self._hash.update(chunk)
        self.size_bytes += len(chunk)
        self._file.write(chunk)

    def chunks(self) -> Iterator[bytes]:
        """All of it, from the beginning."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            yield chunk
