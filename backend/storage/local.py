"""The storage in a local folder: `<root>/bundles`, `<root>/drive/<project>` and `<root>/incoming`.

All of it must be on one file system, so that a finished file moves into its drive in one step.
"""

from __future__ import annotations

import hashlib
import os
import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from uuid import UUID, uuid4

from backend.drive.errors import DriveFileMissing
from backend.drive.paths import ROOT, DrivePath
from backend.storage import DriveEntry, bundle_files, drive_files
from backend.storage.drive_files import OpenFile, Search

_CHUNK_BYTES = 1024 * 1024
_ABANDONED_S = 24 * 3600  # longer than any upload lasts


class LocalStorage:
    """Bundles and drives in one folder of this machine; drives are the live folders that jobs see."""

    def __init__(self, root: Path) -> None:
        """Use the folder, made if need be, and clear what uploads that died long ago have left in it."""
        self._bundles = root / "bundles"
        self._drives = root / "drive"
        self._incoming = root / "incoming"
        root.mkdir(parents=True, exist_ok=True)
        self._bundles.mkdir(exist_ok=True, mode=0o700)
        self._drives.mkdir(exist_ok=True, mode=0o711)  # tenants pass through, and see no other's name
        self._incoming.mkdir(exist_ok=True, mode=0o700)
        _clear_abandoned(self._incoming)

    async def put_bundle(self, sha256: str, data: bytes) -> None:
        """See `Storage.put_bundle`."""
        await to_thread(bundle_files.put, self._bundles, sha256, data)

    async def get_bundle(self, sha256: str) -> bytes:
        """See `Storage.get_bundle`."""
        return await to_thread(bundle_files.get, self._bundles, sha256)

    async def delete_bundle(self, sha256: str) -> None:
        """See `Storage.delete_bundle`."""
        await to_thread(bundle_files.delete, self._bundles, sha256)

    def drive_dir(self, project_id: UUID, owner_uid: int | None) -> Path:
        """See `Storage.drive_dir`."""
        folder = self._drive(project_id)
        folder.mkdir(exist_ok=True, mode=0o700)
        if owner_uid is not None and folder.stat().st_uid != owner_uid:
            os.chown(folder, owner_uid, owner_uid, follow_symlinks=False)
        return folder

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[LocalIncoming]:
        """See `Storage.receive`."""
        incoming = LocalIncoming(self, self._incoming / uuid4().hex)
        try:
            yield incoming
        finally:
            incoming.discard()

    async def open_read(self, project_id: UUID, path: DrivePath) -> LocalOutgoing:
        """See `Storage.open_read`."""
        return LocalOutgoing(await to_thread(drive_files.open_file, self._drive(project_id), path))

    async def stat(self, project_id: UUID, path: DrivePath) -> DriveEntry:
        """See `Storage.stat`."""
        return await to_thread(drive_files.stat_entry, self._drive(project_id), path)

    async def list(
        self,
        project_id: UUID,
        folder: DrivePath,
        *,
        name_prefix: str = "",
        recursive: bool = False,
        after: DrivePath | None = None,
        limit: int = 200,
    ) -> list[DriveEntry]:
        """See `Storage.list`."""
        search = Search(name_prefix, recursive, after.parts if after else (), limit)
        return await to_thread(drive_files.entries, self._drive(project_id), folder, search)

    async def delete(self, project_id: UUID, path: DrivePath) -> None:
        """See `Storage.delete`."""
        if path == ROOT:
            raise DriveFileMissing(str(path))
        await to_thread(drive_files.delete, self._drive(project_id), path)

    def _drive(self, project_id: UUID) -> Path:
        return self._drives / str(project_id)


class LocalIncoming:
    """A file on its way in, kept outside every drive so that no job can touch it before it is whole."""

    def __init__(self, storage: LocalStorage, staged: Path) -> None:
        self._storage = storage
        self._staged = staged
        self._file = staged.open("xb", buffering=_CHUNK_BYTES)
        self._hash = hashlib.sha256()
        self._size_bytes = 0

    @property
    def size_bytes(self) -> int:
        """See `Incoming.size_bytes`."""
        return self._size_bytes

    @property
    def sha256(self) -> str:
        """See `Incoming.sha256`."""
        return self._hash.hexdigest()

    async def write(self, chunk: bytes) -> None:
        """See `Incoming.write`."""
        await to_thread(self._write, chunk)

    async def place(self, project_id: UUID, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
        """See `Incoming.place`."""
        return await to_thread(self._place, project_id, path, owner_uid)

    def discard(self) -> None:
        """Forget what was not placed."""
        try:
            self._file.close()
        except OSError as error:
            drive_files.raise_if_full(error)
            raise
        finally:
            self._staged.unlink(missing_ok=True)

    def _write(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self._size_bytes += len(chunk)
        try:
            self._file.write(chunk)
        except OSError as error:
            drive_files.raise_if_full(error)
            raise

    def _place(self, project_id: UUID, path: DrivePath, owner_uid: int | None) -> DriveEntry:
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            drive_files.raise_if_full(error)
            raise
        drive = self._storage.drive_dir(project_id, owner_uid)
        return drive_files.place(drive, path, self._staged, owner_uid=owner_uid)


class LocalOutgoing:
    """An open file of a local drive."""

    def __init__(self, file: OpenFile) -> None:
        self._file = file

    @property
    def entry(self) -> DriveEntry:
        """See `Outgoing.entry`."""
        return self._file.entry

    async def chunks(self, start: int, length: int) -> AsyncIterator[bytes]:
        """See `Outgoing.chunks`."""
        end = start + length
        while start < end:
            chunk = await to_thread(os.pread, self._file.descriptor, min(_CHUNK_BYTES, end - start), start)
            if not chunk:
                return
            yield chunk
            start += len(chunk)

    async def close(self) -> None:
        """See `Outgoing.close`."""
        os.close(self._file.descriptor)


def _clear_abandoned(incoming: Path) -> None:
    long_ago = time.time() - _ABANDONED_S
    for staged in incoming.iterdir():
        with suppress(FileNotFoundError):  # another process clears it too
            if staged.stat().st_mtime < long_ago:
                staged.unlink()
