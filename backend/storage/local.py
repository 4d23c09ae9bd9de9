"""The storage in a local folder: `<root>/bundles`, `<root>/drive/<project>` and `<root>/incoming`.

All of it must be on one file system, so that a finished file moves into its drive in one step.
"""

from __future__ import annotations

import os
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

from backend.storage import Deleted, DriveEntry, DriveSize, SortedEntries, bundle_files, drive_files, folders
from backend.storage.drive_files import OpenFile, Search
from backend.storage.file_errors import DriveFileMissing
from backend.storage.paths import ROOT, DrivePath
from backend.storage.sorting import SortedSearch
from backend.storage.spool import Spool, Spooled

_CHUNK_BYTES = 1024 * 1024


class LocalStorage:
    """Bundles and drives in one folder of this host; drives are the live folders that jobs use."""

    def __init__(self, root: Path) -> None:
        """Use the folder, create it if needed, and delete old files of interrupted uploads."""
        self._bundles = root / "bundles"
        self._drives = root / "drive"
        root.mkdir(parents=True, exist_ok=True)
        self._bundles.mkdir(exist_ok=True, mode=0o700)
        self._drives.mkdir(exist_ok=True, mode=0o711)  # tenants can enter, but not list the other drives
        self._spool = Spool(root / "incoming")
        self._uploads = root / "uploads"
        self._uploads.mkdir(exist_ok=True, mode=0o700)
        self._trash = root / "trash"

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

    @property
    def drives_dir(self) -> Path:
        """See `Storage.drives_dir`."""
        return self._drives

    @property
    def uploads_dir(self) -> Path:
        """See `Storage.uploads_dir`."""
        return self._uploads

    @asynccontextmanager
    async def receive(self, partial_file: Path | None = None) -> AsyncIterator[LocalIncoming]:
        """See `Storage.receive`."""
        incoming = LocalIncoming(self, self._spool.new_path(), partial_file)
        try:
            await incoming.read_start()
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

    async def list_sorted(self, project_id: UUID, folder: DrivePath, search: SortedSearch) -> SortedEntries:
        """See `Storage.list_sorted`."""
        found = await to_thread(drive_files.sorted_entries, self._drive(project_id), folder, search)
        return SortedEntries(found, is_complete=True)

    async def delete(self, project_id: UUID, path: DrivePath) -> None:
        """See `Storage.delete`."""
        if path == ROOT:
            raise DriveFileMissing(str(path))
        await to_thread(drive_files.delete, self._drive(project_id), path)

    async def measure(self, project_id: UUID) -> DriveSize:
        """See `Storage.measure`."""
        return await to_thread(folders.measure, self._drive(project_id))

    async def create_folder(self, project_id: UUID, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
        """See `Storage.create_folder`."""
        drive = self.drive_dir(project_id, owner_uid)
        return await to_thread(folders.make, drive, path, owner_uid=owner_uid)

    async def move(
        self,
        project_id: UUID,
        source: DrivePath,
        target: DrivePath,
        *,
        owner_uid: int | None,
        is_replacing: bool = False,
        version: str | None = None,
    ) -> DriveEntry:
        """See `Storage.move`."""
        drive = self.drive_dir(project_id, owner_uid)
        return await to_thread(
            folders.move,
            drive,
            source,
            target,
            self._spool.new_path(),
            owner_uid=owner_uid,
            is_replacing=is_replacing,
            version=version,
        )

    async def delete_tree(self, project_id: UUID, path: DrivePath, *, limit: int) -> Deleted:
        """See `Storage.delete_tree`."""
        if path == ROOT:
            raise DriveFileMissing(str(path))
        return await to_thread(folders.delete_tree, self._drive(project_id), path, self._trash, limit=limit)

    async def close(self) -> None:
        """See `Storage.close`."""

    def _drive(self, project_id: UUID) -> Path:
        return self._drives / str(project_id)


class LocalIncoming(Spooled):
    """A file that is being received, outside of every drive, so that no job can access it before it is complete."""

    def __init__(self, storage: LocalStorage, staged: Path, partial_file: Path | None) -> None:
        super().__init__(staged, partial_file)
        self._storage = storage

    async def stage(self) -> None:
        """See `Incoming.stage`."""
        await to_thread(self.flush, durably=True)

    async def place(self, project_id: UUID, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
        """See `Incoming.place`."""
        return await to_thread(self._place, project_id, path, owner_uid)

    def _place(self, project_id: UUID, path: DrivePath, owner_uid: int | None) -> DriveEntry:
        self.flush(durably=True)
        drive = self._storage.drive_dir(project_id, owner_uid)
        return drive_files.place(
            drive, path, self.staged, owner_uid=owner_uid, partial_file=self.partial_file
        )


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

    async def pin_version(self) -> None:
        """See `Outgoing.pin_version`: the kernel notices later writes to pages that were written to disk."""
        await to_thread(os.fsync, self._file.descriptor)

    async def is_unchanged(self) -> bool:
        """See `Outgoing.is_unchanged`."""
        return drive_files.version_of(os.fstat(self._file.descriptor)) == self.entry.version

    async def direct_url(self, *, ttl_s: int) -> None:
        """See `Outgoing.direct_url`: only this process serves the folder."""

    async def close(self) -> None:
        """See `Outgoing.close`."""
        os.close(self._file.descriptor)
