"""Buffer bytes to determine their size and hash, which the header in an archive needs before the content."""

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
    """A buffer of bytes, in memory or, if it is large, in an unnamed file in `folder`.

    A live file of a drive may change while it is read. The archive gets the bytes that were read.
    """

    def __init__(self, folder: Path) -> None:
        # `__exit__` closes the file.
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
        """Return the hexadecimal SHA-256 of all bytes."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Append bytes."""
        self._hash.update(chunk)
        self.size_bytes += len(chunk)
        self._file.write(chunk)

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes from the beginning."""
        self._file.seek(0)
        while chunk := self._file.read(CHUNK_BYTES):
            yield chunk
