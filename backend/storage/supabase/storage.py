"""The storage in Supabase: bundles and drives are objects; a folder of this host contains files being received."""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID, uuid4

from pydantic import SecretStr

from backend.core.clock import now
from backend.core.errors import PurasError
from backend.storage import Deleted, DriveEntry, DriveSize, SortedEntries, StillWanted
from backend.storage.errors import BundleDamaged, BundleMissing
from backend.storage.file_errors import DriveFileChanged, DriveFileMissing, FolderNotEmpty, PathTaken
from backend.storage.mime import by_name
from backend.storage.paths import ROOT, DrivePath
from backend.storage.sorting import MAX_SORTED_ENTRIES, SortedSearch
from backend.storage.spool import Spool
from backend.storage.supabase import files, folders, keys
from backend.storage.supabase.bucket import Bucket, Connection
from backend.storage.supabase.incoming import INCOMING_PREFIX, SupabaseIncoming, source_of
from backend.storage.supabase.listing import Listings, ListQuery, folder_entry
from backend.storage.supabase.reading import SupabaseOutgoing, opened
from backend.storage.supabase.retries import RetryPolicy
from backend.storage.supabase.uploads import Source, always, upload

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_ZIP: Final = "application/zip"
_DAY_S: Final = 24 * 3600.0


class Buckets(NamedTuple):
    """The names of the buckets."""

    bundles: str
    drive: str


class SupabaseStorage:
    """Bundles and drives in two private buckets."""

    def __init__(
        self,
        url: str,
        service_key: SecretStr,
        buckets: Buckets,
        *,
        incoming: Path,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self._connection = Connection(url, service_key, retry_policy)
        self._bundles = Bucket(self._connection, buckets.bundles)
        self._drives = Bucket(self._connection, buckets.drive)
        self._listings = Listings(self._drives)
        self._spool = Spool(incoming)
        self._uploads = incoming.with_name("uploads")
        self._uploads.mkdir(mode=0o700, exist_ok=True)
        self._cleared_at = -math.inf

    async def close(self) -> None:
        """Close every connection."""
        await self._connection.close()

    async def put_bundle(self, sha256: str, data: bytes) -> None:
        """See `Storage.put_bundle`."""
        if hashlib.sha256(data).hexdigest() != sha256:
            raise BundleDamaged(sha256)
        async with self._spool.file() as spooled:
            await spooled.write(data)
            await upload(self._bundles, _bundle_key(sha256), await source_of(spooled, _ZIP))

    async def get_bundle(self, sha256: str) -> bytes:
        """See `Storage.get_bundle`."""
        data = await self._bundles.whole(_bundle_key(sha256))
        if data is None:
            raise BundleMissing(sha256)
        if (await asyncio.to_thread(hashlib.sha256, data)).hexdigest() != sha256:
            raise BundleDamaged(sha256)
        return data

    async def delete_bundle(self, sha256: str) -> None:
        """See `Storage.delete_bundle`."""
        await self._bundles.remove([_bundle_key(sha256)])

    def drive_dir(self, project_id: UUID, owner_uid: int | None) -> None:
        """See `Storage.drive_dir`: each job has a folder of its own."""
        return

    @property
    def drives_dir(self) -> None:
        """See `Storage.drives_dir`."""
        return

    @property
    def uploads_dir(self) -> Path:
        """See `Storage.uploads_dir`."""
        return self._uploads

    def receive(self, partial_file: Path | None = None) -> AbstractAsyncContextManager[SupabaseIncoming]:
        """See `Storage.receive`."""
        return self._receiving(partial_file)

    @asynccontextmanager
    async def _receiving(self, partial_file: Path | None) -> AsyncIterator[SupabaseIncoming]:
        async with self._spool.file(partial_file) as spooled:
            await self._clear_incoming()
            incoming = SupabaseIncoming(self._drives, spooled)
            try:
                yield incoming
            finally:
                await incoming.discard()

    async def _clear_incoming(self) -> None:
        """Once a day, remove files that killed processes have received but not placed."""
        if time.monotonic() < self._cleared_at + _DAY_S:
            return
        self._cleared_at = time.monotonic()
        with suppress(PurasError):
            page = await self._drives.page(INCOMING_PREFIX, is_delimited=False)
            long_ago = now() - timedelta(seconds=_DAY_S)
            old = [each.key for each in page.objects if each.modified_at < long_ago]
            if old:
                await self._drives.remove(old)

    async def put(
        self,
        project_id: UUID,
        path: DrivePath,
        descriptor: int,
        *,
        size_bytes: int,
        still_wanted: StillWanted = always,
    ) -> DriveEntry:
        """See `DistantStorage.put`."""
        source = Source(descriptor, size_bytes, by_name(path.name))
        return await files.put(self._drives, project_id, path, source, still_wanted)

    async def open_read(self, project_id: UUID, path: DrivePath) -> SupabaseOutgoing:
        """See `Storage.open_read`."""
        return await opened(self._drives, project_id, path)

    async def stat(self, project_id: UUID, path: DrivePath) -> DriveEntry:
        """See `Storage.stat`."""
        return await files.stat(self._drives, project_id, path)

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
        return await self._listings.entries(
            ListQuery(project_id, folder, name_prefix, recursive, after, limit)
        )

    async def list_sorted(self, project_id: UUID, folder: DrivePath, search: SortedSearch) -> SortedEntries:
        """See `Storage.list_sorted`."""
        query = ListQuery(
            project_id,
            folder,
            search.name_prefix,
            is_recursive=False,
            after=None,
            limit=MAX_SORTED_ENTRIES + 1,
        )
        found = await self._listings.first_entries(query)
        considered = found[:MAX_SORTED_ENTRIES]
        return SortedEntries(search.first_of(considered), is_complete=len(considered) == len(found))

    async def delete(self, project_id: UUID, path: DrivePath) -> None:
        """See `Storage.delete`."""
        if path == ROOT:
            raise DriveFileMissing(str(path))
        key = keys.object_key(project_id, path)
        if await self._drives.find(key) is not None:
            await self._drives.remove([key])
        elif await folders.is_empty(self._drives, f"{key}/"):
            await self._drives.remove([f"{key}/{folders.PLACEHOLDER}"])
        elif await self._drives.has_below(f"{key}/"):
            raise FolderNotEmpty(str(path))
        else:
            raise DriveFileMissing(str(path))

    async def measure(self, project_id: UUID) -> DriveSize:
        """See `Storage.measure`."""
        return await folders.measure(self._drives, project_id)

    async def create_folder(self, project_id: UUID, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
        """See `Storage.create_folder`."""
        if path != ROOT and await self._drives.find(keys.object_key(project_id, path)) is not None:
            raise PathTaken(str(path), "A file")
        if not await self._drives.has_below(keys.folder_prefix(project_id, path)):
            async with self.receive() as incoming:
                await incoming.place(project_id, path.joined(folders.PLACEHOLDER), owner_uid=None)
        return folder_entry(path)

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
        """See `Storage.move`; of two concurrent writers of the same path, both succeed, and the last one wins."""
        if target.parts[: len(source.parts)] == source.parts:
            raise PathTaken(str(target), "The folder that is moved")
        found = await self.stat(project_id, source)
        await files.require_free(self._drives, project_id, target)
        key = keys.object_key(project_id, target)
        if (found.is_folder or not is_replacing) and await self._drives.find(key) is not None:
            raise PathTaken(str(target), "Another file or folder")
        if found.is_folder:
            await folders.move(self._drives, project_id, source, target)
        else:
            await self._move_version(project_id, source, key, version or found.version)
        return await self.stat(project_id, target)

    async def _move_version(self, project_id: UUID, source: DrivePath, to_key: str, version: str) -> None:
        """Copy the file to a key outside of the drives, check its version before and after, then place the copy.

        Raises:
            DriveFileChanged: The source has another version.
        """
        from_key, aside = keys.object_key(project_id, source), f"{INCOMING_PREFIX}{uuid4().hex}"
        await self._require_version(source, from_key, version)
        await self._drives.copy(from_key, aside)
        try:
            await self._require_version(source, from_key, version)
            await self._drives.copy(aside, to_key)
        finally:
            await self._drives.remove([aside])
        found = await self._drives.find(from_key)
        if found is not None and found.version == version:  # another file stays
            await self._drives.remove([from_key])

    async def _require_version(self, path: DrivePath, key: str, version: str) -> None:
        found = await self._drives.find(key)
        if found is None or found.version != version:
            raise DriveFileChanged(str(path))

    async def delete_tree(self, project_id: UUID, path: DrivePath, *, limit: int) -> Deleted:
        """See `Storage.delete_tree`."""
        if path == ROOT:
            raise DriveFileMissing(str(path))
        return await folders.delete(self._drives, project_id, path, limit=limit)


def _bundle_key(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise BundleMissing(sha256)
    return f"{sha256[:2]}/{sha256}.zip"
