"""Read and verify a backup: each file against its hash, all files against the manifest, the manifest with the keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from backend.administration.archives.errors import ArchiveDamaged
from backend.administration.archives.reader import ArchiveFile, ArchiveReader
from backend.core.vault.vault import Vault
from backend.migrations import run as migrations
from backend.operations.backup import files
from backend.operations.backup.contents import (
    HEADER,
    KEYS,
    MANIFEST,
    MAX_BYTES,
    PURPOSE,
    SIGNATURE,
    Header,
    Manifest,
    Signature,
    parse,
    parse_text,
)
from backend.operations.backup.errors import BackupNewer, BackupUnreadable, WrongKeys
from backend.operations.backup.pieces import Bundle, Keys, Piece, Rows, Stored

_MAX_KEYS_BYTES: Final = 64 * 1024
_ROWS: Final = re.compile(r"database/([a-z_][a-z0-9_]{0,62})/[0-9]{6,}")
_BUNDLE: Final = re.compile(r"bundles/([0-9a-f]{64})\.zip")


class BackupReader:
    """A backup, read once from start to end."""

    def __init__(self, file: IO[bytes]) -> None:
        """Read the header.

        Raises:
            ArchiveDamaged: It is not a backup.
            BackupNewer: It was created by a newer release.
        """
        self._archive = ArchiveReader(file)
        self._files = self._archive.files()
        self.header = self._read_header()
        self.rows = {table.name: 0 for table in self.header.tables}
        self.bundles: set[str] = set()
        self._tables = {table.name: table for table in self.header.tables}
        self._bundles_bytes = self._drive_files = self._drive_bytes = 0
        self._manifest: Manifest | None = None
        self._signed: tuple[bytes, bytes] | None = None

    def pieces(self) -> Iterator[Piece]:
        """Yield all data; data that the caller does not read are verified too.

        Raises:
            ArchiveDamaged: A part was truncated, changed, added or removed.
        """
        for file in self._files:
            if file.entry.name == MANIFEST:
                self._end(file)
                return
            piece = self._piece(file)
            yield piece
            self._note(piece)
        raise ArchiveDamaged("its end is missing.")

    @property
    def manifest(self) -> Manifest:
        """Return the manifest, which is known when every piece was read."""
        if self._manifest is None:
            raise ArchiveDamaged("its end is missing.")
        return self._manifest

    def require_signed(self, vault: Vault) -> None:
        """Verify that the instance with these keys wrote the whole backup.

        Raises:
            WrongKeys: Another instance wrote it, or it was changed.
        """
        if self._signed is None or not vault.has_signed(PURPOSE, *self._signed):
            raise WrongKeys

    def _read_header(self) -> Header:
        first = next(self._files, None)
        if first is None or first.entry.name != HEADER:
            raise ArchiveDamaged("it is not a backup of an instance.")
        header = parse(Header, first)
        if not migrations.knows(header.revision):
            raise BackupNewer(header.revision, header.product)
        return header

    def _piece(self, file: ArchiveFile) -> Piece:
        name = file.entry.name
        rows, bundle = _ROWS.fullmatch(name), _BUNDLE.fullmatch(name)
        if rows and rows[1] in self._tables:
            return Rows(self._tables[rows[1]], file)
        if bundle and bundle[1] not in self.bundles and file.entry.size_bytes <= files.MAX_BUNDLE_BYTES:
            return Bundle(bundle[1], file)
        if name.startswith("drive/"):
            return Stored(*files.drive_path_of(name), file)
        if name == KEYS and self.header.has_keys:
            return Keys(file.read(_MAX_KEYS_BYTES).decode("ascii", "replace"))
        raise ArchiveDamaged(f"it contains {name!r}, which is not a part of a backup.")

    def _note(self, piece: Piece) -> None:
        match piece:
            case Rows():
                for _ in piece.chunks():
                    pass
                self.rows[piece.table.name] += piece.count
            case Bundle():
                self.bundles.add(piece.sha256)
                self._bundles_bytes += piece.file.entry.size_bytes
            case Stored(is_folder=False):
                self._drive_files += 1
                self._drive_bytes += piece.file.entry.size_bytes

    def _end(self, file: ArchiveFile) -> None:
        digest = self._archive.digest
        found = {
            "rows": self.rows,
            "bundles": len(self.bundles),
            "bundles_bytes": self._bundles_bytes,
            "drive_files": self._drive_files,
            "drive_bytes": self._drive_bytes,
            "files": digest.files,
            "sha256": digest.sha256,
        }
        manifest_bytes = file.read(MAX_BYTES)
        manifest = parse_text(Manifest, MANIFEST, manifest_bytes)
        for name, value in found.items():
            if getattr(manifest, name) != value:
                raise ArchiveDamaged(f"the {name} in its manifest do not match the content.")
        last = next(self._files, None)
        if last is None or last.entry.name != SIGNATURE:
            raise ArchiveDamaged("its signature is missing.")
        mac = parse(Signature, last).mac
        if next(self._files, None) is not None:
            raise ArchiveDamaged("data was added after its end.")
        self._manifest, self._signed = manifest, (manifest_bytes, bytes.fromhex(mac))


def opened(path: Path) -> IO[bytes]:
    """Open the file of a backup.

    Raises:
        BackupUnreadable: It cannot be opened.
    """
    try:
        return path.expanduser().open("rb")
    except OSError as error:
        raise BackupUnreadable(path, error.strerror or str(error)) from None
