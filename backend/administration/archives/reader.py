"""Read an archive as a stream, and verify the hash of each file."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import IO

from backend.administration.archives.entry import Digest, Entry
from backend.administration.archives.errors import ArchiveDamaged
from backend.administration.archives.size_limits import CHUNK_BYTES
from backend.administration.archives.writer import MAX_MEMBER_BYTES, MODIFIED_HEADER, SHA256_HEADER


class ArchiveFile:
    """A file of an archive; read it before the next one is requested."""

    def __init__(self, entry: Entry, content: IO[bytes]) -> None:
        self.entry = entry
        self._content = content
        self._remaining_bytes = entry.size_bytes
        self._hash = hashlib.sha256()

    def chunks(self) -> Iterator[bytes]:
        """Yield the bytes that have not been read yet.

        Raises:
            ArchiveDamaged: The content differs from what was written.
        """
        while self._remaining_bytes:
            with _archive_errors():
                chunk = self._content.read(min(CHUNK_BYTES, self._remaining_bytes))
            if not chunk:
                raise ArchiveDamaged(f"it ends in the middle of {self.entry.name!r}.")
            self._remaining_bytes -= len(chunk)
            self._hash.update(chunk)
            yield chunk
        if self._hash.hexdigest() != self.entry.sha256:
            raise ArchiveDamaged(f"the content of {self.entry.name!r} was changed.")

    def read(self, max_bytes: int) -> bytes:
        """Return all of a small file.

        Raises:
            ArchiveDamaged: The content differs from what was written, or is larger than `max_bytes`.
        """
        if self.entry.size_bytes > max_bytes:
            raise ArchiveDamaged(f"{self.entry.name!r} has more than {max_bytes:,} bytes.")
        return b"".join(self.chunks())


class ArchiveReader:
    """Read the files of an archive in their order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = Digest()
        """Digest over the files that were read completely."""

    def files(self) -> Iterator[ArchiveFile]:
        """Yield all files; the rest of a file is read and verified before the next one.

        Raises:
            ArchiveDamaged: The archive is truncated or changed, or has another format.
        """
        with gzip.GzipFile(fileobj=self._file, mode="rb") as unpacked:
            with _archive_errors():
                archive = tarfile.open(fileobj=unpacked, mode="r|")  # noqa: SIM115 - closed below
            with archive:
                while (info := _next(archive)) is not None:
                    content = _content(archive, info)
                    file = ArchiveFile(_entry(info), content)
                    yield file
                    for _ in file.chunks():
                        pass
                    self.digest.add(file.entry)
                    archive.members.clear()  # type: ignore[attr-defined]  # otherwise it keeps all headers in memory
            _require_end(unpacked)


def _require_end(unpacked: gzip.GzipFile) -> None:
    """Read the rest, so that the checksum of the gzip stream is verified too."""
    with _archive_errors():
        while rest := unpacked.read(CHUNK_BYTES):
            if rest.strip(b"\0"):
                raise ArchiveDamaged("it has additional data after its end.")


def _next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    with _archive_errors():
        return archive.next()


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(info) if info.isreg() else None
    if content is not None:
        return content
    if info.isdir() and info.size == 0:
        return BytesIO()
    raise ArchiveDamaged(f"{info.name!r} is a link or a device, which archives do not contain.")


def _entry(info: tarfile.TarInfo) -> Entry:
    headers = info.pax_headers
    name = info.name + "/" if info.isdir() else info.name
    try:
        entry = Entry(name, info.size, headers[SHA256_HEADER], info.mode, int(headers[MODIFIED_HEADER]))
    except (KeyError, ValueError):
        raise ArchiveDamaged(f"{info.name!r} lacks the metadata that every file of an archive has.") from None
    if not 0 <= entry.size_bytes <= MAX_MEMBER_BYTES:
        raise ArchiveDamaged(f"{info.name!r} has an impossible size.")
    return entry


@contextmanager
def _archive_errors() -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise ArchiveDamaged("it is truncated.") from None
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise ArchiveDamaged(f"it is not a complete archive ({error}).") from None
