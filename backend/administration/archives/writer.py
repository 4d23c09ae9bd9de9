"""Write an archive as a stream, file by file."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from typing import Protocol, Self

from backend.administration.archives.entry import Digest, Entry

# Extended attributes: tar programs ignore those that they do not know.
SHA256_HEADER = "SCHILY.xattr.user.puras.sha256"
MODIFIED_HEADER = "SCHILY.xattr.user.puras.modified_ns"
MAX_MEMBER_BYTES = 2**40
_COMPRESSION = 3  # most content is compressed already; a higher level costs time and saves little


class Sink(Protocol):
    """Receiver of the bytes of an archive."""

    def write(self, data: bytes, /) -> int:
        """Write bytes and return their number."""

    def flush(self) -> None:
        """Flush buffered bytes."""


class ArchiveWriter:
    """Write files into an archive; an archive without a call of `close` is damaged.

    As a context manager it releases its resources when the block fails, and leaves the archive damaged.
    """

    def __init__(self, sink: Sink) -> None:
        # mtime=0: the same content results in the same bytes
        self._gzip = gzip.GzipFile(fileobj=sink, mode="wb", compresslevel=_COMPRESSION, mtime=0)
        self.digest = Digest()

    def add(self, name: str, data: bytes) -> Entry:
        """Write a small file into the archive."""
        entry = Entry(name, len(data), hashlib.sha256(data).hexdigest())
        for _ in self.adding(entry, (data,)):
            pass
        return entry

    def adding(self, entry: Entry, chunks: Iterable[bytes]) -> Iterator[None]:
        """Write a file into the archive, and yield after each chunk.

        Raises:
            ValueError: The chunks do not have the size of the entry.
        """
        self._gzip.write(_header(entry))
        written = 0
        for chunk in chunks:
            self._gzip.write(chunk)
            written += len(chunk)
            yield
        if written != entry.size_bytes:
            raise ValueError(f"{entry.name} should have {entry.size_bytes} bytes and has {written}")
        self._gzip.write(b"\0" * (-written % tarfile.BLOCKSIZE))
        self.digest.add(entry)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if not self._gzip.closed:
            # Do not write the end to the sink: its disk may be full, and at garbage collection it is closed.
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
