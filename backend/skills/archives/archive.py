"""Read untrusted ZIP archives without trusting any size, name or checksum that they declare."""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from backend.core.errors import PurasError
from backend.skills.archives.entry_names import MAX_ENTRIES, Names, decoded_name
from backend.skills.archives.errors import BundleTooLarge, BundleUnreadable

MAX_ZIPPED_BYTES = 64 << 20
MAX_UNZIPPED_BYTES = 256 << 20
MAX_RATIO = 100
RATIO_FREE_BYTES = 1 << 20  # small files of blanks compress further than 100:1 and are harmless
# The central directory: enough for 5,000 long names, too small for an archive that consists of names.
MAX_DIRECTORY_BYTES = 4 << 20
CHUNK_BYTES = 256 << 10

_END_OF_DIRECTORY = struct.Struct("<4s4H2LH")
_ZIP64_LOCATOR_BYTES = 20
_ENCRYPTED = 0x1 | 0x40
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    struct.error,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive."""

    path: str
    size_bytes: int
    """Unpacked size; verified once `Archive.verify()` has passed."""
    crc: int
    is_executable: bool


class Archive:
    """The files of a bundle, read on demand from its zip in memory."""

    def __init__(self, data: bytes) -> None:
        """Read the list of files.

        Raises:
            BundleTooLarge: over 64 MiB zipped, 256 MiB unzipped, 5,000 entries or 100:1 in one file.
            BundleUnreadable: not a zip, or one with links, devices, encryption or names that lead out of the
                archive.
        """
        _check_end_of_directory(data)
        try:
            self._zip = zipfile.ZipFile(BytesIO(data))
        except UnicodeDecodeError as error:
            raise BundleUnreadable(
                "A name in the ZIP is marked as UTF-8 and is not. Create the ZIP again with UTF-8 names."
            ) from error
        except _UNREADABLE as error:
            raise BundleUnreadable(
                f"The bundle is not a readable ZIP: {error}. Create it again and push it."
            ) from error
        self._infos: dict[str, zipfile.ZipInfo] = {}
        self.entries = MappingProxyType({entry.path: entry for entry in self._listed(len(data))})

    def __contains__(self, path: str) -> bool:
        return path in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def read(self, path: str, *, max_bytes: int = MAX_UNZIPPED_BYTES) -> bytes:
        """Return the whole content of one file.

        Raises:
            BundleTooLarge: the file is longer than `max_bytes`, or suspiciously compressed.
            BundleUnreadable: the file is damaged.
        """
        content = bytearray()
        for chunk in self.chunks(path):
            content += chunk
            if len(content) > max_bytes:
                raise BundleTooLarge(
                    f"{path!r} is longer than {max_bytes:,} bytes. Shorten it or leave it out."
                )
        return bytes(content)

    def chunks(self, path: str) -> Iterator[bytes]:
        """Yield the content of one file in chunks, and check its size as they are read.

        Raises:
            BundleTooLarge: the file is suspiciously compressed.
            BundleUnreadable: the file is damaged.
        """
        info = self._infos[path]
        max_bytes = min(MAX_UNZIPPED_BYTES, max(RATIO_FREE_BYTES, MAX_RATIO * info.compress_size))
        seen_bytes = 0
        try:
            with self._zip.open(info) as file:
                while chunk := file.read(CHUNK_BYTES):
                    seen_bytes += len(chunk)
                    if seen_bytes > max_bytes:
                        raise _over_ratio(path)
                    yield chunk
        except PurasError:
            raise
        except _UNREADABLE as error:
            raise BundleUnreadable(
                f"{path!r} in the ZIP is damaged: {error}. Create the ZIP again and push it."
            ) from error

    def verify(self) -> None:
        """Read every file once to verify all sizes and checksums.

        Raises:
            BundleTooLarge: the actual content exceeds a limit.
            BundleUnreadable: a file is damaged.
        """
        total_bytes = 0
        for path, entry in self.entries.items():
            size_bytes = 0
            for chunk in self.chunks(path):
                size_bytes += len(chunk)
                total_bytes += len(chunk)
                if total_bytes > MAX_UNZIPPED_BYTES:
                    raise _over_unzipped()
            if size_bytes != entry.size_bytes:
                raise BundleUnreadable(
                    f"{path!r} in the ZIP has another size than the ZIP declares. Create the ZIP again."
                )

    def _listed(self, zipped_bytes: int) -> Iterator[Entry]:
        names = Names()
        declared_bytes = stored_bytes = 0
        for info in self._zip.infolist():
            path = decoded_name(info)
            is_folder = path.endswith("/")
            names.add(path)
            _check_kind(info, path, is_folder=is_folder)
            declared_bytes += info.file_size
            stored_bytes += info.compress_size
            if is_folder:
                continue
            if info.file_size > max(RATIO_FREE_BYTES, MAX_RATIO * info.compress_size):
                raise _over_ratio(path)
            self._infos[path] = info
            yield Entry(path, info.file_size, info.CRC, bool(info.external_attr >> 16 & 0o111))
        if declared_bytes > MAX_UNZIPPED_BYTES:
            raise _over_unzipped()
        if stored_bytes > zipped_bytes:
            raise BundleUnreadable("Files overlap inside the ZIP. Create it again with a standard program.")


def unpack(archive: Archive, into: Path) -> None:
    """Write every file below an existing, empty folder: folders 0755, files 0644 or, if executable, 0755.

    Raises:
        BundleTooLarge: the actual content exceeds a limit.
        BundleUnreadable: a file is damaged.
    """
    total_bytes = 0
    for path, entry in archive.entries.items():
        target = into / path
        _make_folders(into, PurePosixPath(path).parent)
        with target.open("xb") as file:
            for chunk in archive.chunks(path):
                total_bytes += len(chunk)
                if total_bytes > MAX_UNZIPPED_BYTES:
                    raise _over_unzipped()
                file.write(chunk)
        target.chmod(0o755 if entry.is_executable else 0o644)


def _make_folders(root: Path, relative: PurePosixPath) -> None:
    for folder in (*reversed(relative.parents), relative):
        target = root / folder
        if not target.is_dir():
            target.mkdir()
            target.chmod(0o755)


def _check_end_of_directory(data: bytes) -> None:
    """Check the size of the list of files before memory is allocated for it."""
    if len(data) > MAX_ZIPPED_BYTES:
        raise BundleTooLarge(
            f"The bundle has {len(data):,} bytes; at most {MAX_ZIPPED_BYTES >> 20} MiB are accepted. Leave "
            "out what skills do not need, and store large data in the drive."
        )
    at = data.rfind(b"PK\x05\x06", max(0, len(data) - _END_OF_DIRECTORY.size - 0xFFFF))
    if at < 0 or len(data) - at < _END_OF_DIRECTORY.size:
        raise BundleUnreadable("The bundle is not a ZIP file. Send a ZIP of the project's folder.")
    if data[max(0, at - _ZIP64_LOCATOR_BYTES) : at].startswith(b"PK\x06\x07"):
        raise BundleUnreadable("The bundle is a ZIP64 archive. Create it as a standard ZIP.")
    _, _, _, _, entries, directory_bytes, _, _ = _END_OF_DIRECTORY.unpack_from(data, at)
    if entries > MAX_ENTRIES or directory_bytes > MAX_DIRECTORY_BYTES:
        raise BundleTooLarge(
            f"The bundle lists more than {MAX_ENTRIES:,} files. Leave out what skills do not need."
        )


def _check_kind(info: zipfile.ZipInfo, path: str, *, is_folder: bool) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        raise BundleUnreadable(f"{path!r} is a link. Add the file itself to the bundle.")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise BundleUnreadable(f"{path!r} is neither a file nor a folder. Leave it out.")
    if info.flag_bits & _ENCRYPTED:
        raise BundleUnreadable(f"{path!r} is encrypted. Create the ZIP without a password.")
    if info.compress_type not in _METHODS:
        raise BundleUnreadable(
            f"{path!r} uses an unsupported compression method. Create the ZIP with 'deflate' or 'store'."
        )
    if is_folder and info.file_size:
        raise BundleUnreadable(f"{path!r} is a folder and has content. Create the ZIP again.")


def _over_ratio(path: str) -> BundleTooLarge:
    return BundleTooLarge(
        f"{path!r} unpacks to more than {MAX_RATIO} times its packed size, as ZIP bombs do. Leave it out, "
        "or create it when the skill runs."
    )


def _over_unzipped() -> BundleTooLarge:
    return BundleTooLarge(
        f"The bundle unpacks to more than {MAX_UNZIPPED_BYTES >> 20} MiB. Leave out what skills do not "
        "need, and store large data in the drive."
    )
