"""Writes an archive as a stream, file after file."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from typing import Protocol, Self

from backend.administration.archives.entry import Digest, Entry

# Extended attributes: every tar program knows how to pass over those that it does not want.
SHA256_HEADER = "SCHILY.xattr.user.puras.sha256"
MODIFIED_HEADER = "SCHILY.xattr.user.puras.modified_ns"
MAX_MEMBER_BYTES = 2**40
_COMPRESSION = 3  # most of what is stored is packed already; more costs time and gains little


class Sink(Protocol):
    """Where the bytes of an archive go."""

    def write(self, data: bytes, /) -> int:
        """Take the next bytes."""

    def flush(self) -> None:
        """Nothing more comes for now."""


class ArchiveWriter:
    """Puts files into an archive; `close` ends it, and without that it is a damaged one.

    As a context manager it lets go of what it holds when the block fails, and leaves the archive damaged.
    """

    def __init__(self, sink: Sink) -> None:
        # mtime: the same content is the same archive, to the byte
        self._gzip = gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=_COMPRESSION, mtime=0)
        self.digest = Digest()

    def add(self, name: str, data: bytes) -> Entry:
        """Put a small file into the archive."""
        entry = Entry(name, len(data), hashlib.sha256(data).hexdigest())
        for _ in self.adding(entry, (data,)):
            pass
        return entry

    def adding(self, entry: Entry, chunks: Iterable[bytes]) -> Iterator[None]:
        """Put a file into the archive, pausing after each chunk; the chunks must be what the entry says."""
        self._gzip.write(_header(entry))
        written = 0
        for chunk in chunks:
            self._gzip.write(chunk)
            written += len(chunk)
            yield
        if written != entry.size_bytes:
            raise ValueError(f"{entry.name} was said to have {entry.size_bytes} bytes and has {written}")
        self._gzip.write(b"\0" * (-written % tarfile.BLOCKSIZE))
        self.digest.add(entry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if not self._gzip.closed:
            # Not into the sink: its disk may be full. And not at the garbage collection, when the sink is closed.
            self._gzip.fileobj = io.BytesIO()
            self._gzip.close()

    def close(self) -> None:
        """End the archive; the sink stays open."""
        self._gzip.write(b"\0" * 2 * tarfile.BLOCKSIZE)
        self._gzip.close()


def _header(entry: Entry) -> bytes:
    info = tarfile.TarInfo(entry.name)
    info.size = entry.size_bytes
    info.mode = entry.mode
    info.mtime = entry.modified_ns // 1_000_000_000
    info.pax_headers = {SHA256_HEADER: entry.sha256, MODIFIED_HEADER: str(entry.modified_ns)}
    if entry.name.endswith("/"):
        info.type = tarfile.DIRTYPE
    return info.tobuf(format=tarfile.PAX_FORMAT)
