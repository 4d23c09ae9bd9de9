"""Reads an archive as a stream: each file is checked against its own hash while it passes."""

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
    """A file of an archive, to be read before the next one is asked for."""

    def __init__(self, entry: Entry, content: IO[bytes]) -> None:
        self.entry = entry
        self._content = content
        self._left_bytes = entry.size_bytes
        self._hash = hashlib.sha256()

    def chunks(self) -> Iterator[bytes]:
        """Its bytes from where the last reading stopped.

        Raises:
            ArchiveDamaged: they are not those that were written.
        """
        while self._left_bytes:
            with _saying_what_is_wrong():
                chunk = self._content.read(min(CHUNK_BYTES, self._left_bytes))
            if not chunk:
                raise ArchiveDamaged(f"it ends in the middle of {self.entry.name!r}.")
            self._left_bytes -= len(chunk)
            self._hash.update(chunk)
            yield chunk
        if self._hash.hexdigest() != self.entry.sha256:
            raise ArchiveDamaged(f"the content of {self.entry.name!r} was changed.")

    def read(self, most_bytes: int) -> bytes:
        """All of a small file.

        Raises:
            ArchiveDamaged: it is not what was written, or is larger than it can be.
        """
        if self.entry.size_bytes > most_bytes:
            raise ArchiveDamaged(f"{self.entry.name!r} has more than {most_bytes:,} bytes.")
        return b"".join(self.chunks())


class ArchiveReader:
    """Takes the files out of an archive in their order."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = Digest()
        """Over the files that were read to their end."""

    def files(self) -> Iterator[ArchiveFile]:
        """Every file; one that is not read to its end is, and checked, before the next one.

        Raises:
            ArchiveDamaged: the archive was cut or changed, or is none of ours.
        """
        with gzip.GzipFile(fileobj=self._file, mode="rb") as unpacked:
            with _saying_what_is_wrong():
                archive = tarfile.open(fileobj=unpacked, mode="r|")  # noqa: SIM115 - closed below
            with archive:
                while (info := _next(archive)) is not None:
                    content = _content(archive, info)
                    file = ArchiveFile(_entry(info), content)
                    yield file
                    for _ in file.chunks():
                        pass
                    self.digest.add(file.entry)
                    archive.members.clear()  # type: ignore[attr-defined]  # it would keep every header to the end
            _require_end(unpacked)


def _require_end(unpacked: gzip.GzipFile) -> None:
    """Read what is left, so that the checksum of the whole is looked at too."""
    with _saying_what_is_wrong():
        while rest := unpacked.read(CHUNK_BYTES):
            if rest.strip(b"\0"):
                raise ArchiveDamaged("something was added behind its end.")


def _next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    with _saying_what_is_wrong():
        return archive.next()


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(info) if info.isreg() else None
    if content is not None:
        return content
    if info.isdir() and info.size == 0:
        return BytesIO()
    raise ArchiveDamaged(f"{info.name!r} is a link or a device; we write none.")


def _entry(info: tarfile.TarInfo) -> Entry:
    headers = info.pax_headers
    name = info.name + "/" if info.isdir() else info.name
    try:
        entry = Entry(name, info.size, headers[SHA256_HEADER], info.mode, int(headers[MODIFIED_HEADER]))
    except (KeyError, ValueError):
        raise ArchiveDamaged(f"{info.name!r} has not the facts that we write with every file.") from None
    if not 0 <= entry.size_bytes <= MAX_MEMBER_BYTES:
        raise ArchiveDamaged(f"{info.name!r} has an impossible size.")
    return entry


@contextmanager
def _saying_what_is_wrong() -> Iterator[None]:
    try:
        yield
    except EOFError:
        raise ArchiveDamaged("it was cut off: its end is missing.") from None
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise ArchiveDamaged(f"it is not a whole archive of ours ({error}).") from None
