"""The interface to data outside of the database: bundles, and the files of drives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable
from uuid import UUID

from backend.storage.mime import UNKNOWN, by_name
from backend.storage.paths import DrivePath
from backend.storage.sorting import SortedSearch


@dataclass(frozen=True, slots=True)
class DriveEntry:
    """A file or a folder of a drive, as it was when it was read: jobs may change it at any time."""

    path: str
    """Relative to the root of the drive: `out/report.pdf`."""
    size_bytes: int
    """0 for a folder."""
    modified_at: datetime
    is_folder: bool
    version: str
    """Changes with each change of the content: the `ETag` without its quotes."""
    changed_at: datetime | None = None
    """When the file or its metadata changed, where jobs can set `modified_at`; they cannot set this time."""

    @property
    def mime(self) -> str:
        """Return the media type that the name implies."""
        return UNKNOWN if self.is_folder else by_name(self.path)


class SortedEntries(NamedTuple):
    """A page of a sorted folder."""

    entries: list[DriveEntry]
    is_complete: bool
    """False: the folder has more entries than the storage can sort, and only the first ones by name were considered."""


class DriveSize(NamedTuple):
    """The size of a drive."""

    bytes: int
    files: int
    """Number of files, and of folders if the storage has them."""


class Deleted(NamedTuple):
    """The result of the removal of a folder."""

    entries: int
    """Number of removed files and folders."""
    is_done: bool
    """Whether the whole folder is removed."""
    freed_bytes: int


class Incoming(Protocol):
    """A file that is being written to a drive; it is not visible before `place`."""

    @property
    def size_bytes(self) -> int:
        """Return the number of bytes written so far."""

    @property
    def sha256(self) -> str:
        """Return the hash of all bytes written so far, in hexadecimal."""

    async def write(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            DriveFull: The disk is full.
        """

    async def stage(self) -> None:
        """Transfer the written bytes to the storage of drives, so that `place` is fast; this may take long.

        Raises:
            DriveFull: The disk is full.
            StorageUnavailable: The storage does not respond.
        """

    async def place(self, project_id: UUID, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
        """Make the complete file visible at the path in one step; it replaces a file that exists there.

        Raises:
            PathTaken: A folder exists there, or a part of the path is not a folder.
            DriveFull: The disk is full.
            StorageUnavailable: The storage does not respond.
        """


class Outgoing(Protocol):
    """An open file of a drive: the data are those of one file, even if a job replaces it meanwhile."""

    @property
    def entry(self) -> DriveEntry:
        """Return the file as it was when it was opened."""

    def chunks(self, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield at most `length` bytes from byte `start` on; fewer if the file has become shorter."""

    async def pin_version(self) -> None:
        """Ensure that every later change gives the file another version, including changes through mapped memory."""

    async def is_unchanged(self) -> bool:
        """Return whether the file is the same as when it was opened."""

    async def direct_url(self, *, ttl_s: int) -> str | None:
        """Return a temporary URL of the storage for the file; None if this process has to send the file."""

    async def close(self) -> None:
        """Close the file."""


class Storage(Protocol):
    """Storage of bundles and drives. All implementations have the same guarantees.

    Every asynchronous method can also raise `StorageUnavailable` if the storage is remote and does not respond.
    """

    async def put_bundle(self, sha256: str, data: bytes) -> None:
        """Store a bundle under its hash, durably before this returns.

        Raises:
            BundleDamaged: The bytes do not have that hash.
        """

    async def get_bundle(self, sha256: str) -> bytes:
        """Return a bundle after checking its hash.

        Raises:
            BundleMissing: No bundle has that hash.
            BundleDamaged: The stored bytes have changed.
        """

    async def delete_bundle(self, sha256: str) -> None:
        """Delete a bundle, if it exists."""

    def drive_dir(self, project_id: UUID, owner_uid: int | None) -> Path | None:
        """Return the live folder of a project's drive, which only its owner can access; create it if needed.

        None if drives are remote: then each job has a folder of its own, and its changes are uploaded.
        """

    @property
    def drives_dir(self) -> Path | None:
        """Return the folder that contains the live folders of all drives; none if drives are remote."""

    @property
    def uploads_dir(self) -> Path:
        """Return a local folder for uploads that take several requests; `receive` continues with its files."""

    def receive(self, partial_file: Path | None = None) -> AbstractAsyncContextManager[Incoming]:
        """Open a new file: write to it, then place it; it is deleted at the end if it was not placed.

        It starts with the content of the file `partial_file`, if given, which must be in `uploads_dir` and stays there.
        """

    async def open_read(self, project_id: UUID, path: DrivePath) -> Outgoing:
        """Open a file; the caller must close it.

        Raises:
            DriveFileMissing: The file does not exist, or it is a link, a pipe or a device.
        """

    async def stat(self, project_id: UUID, path: DrivePath) -> DriveEntry:
        """Return the file or folder at the path.

        Raises:
            DriveFileMissing: Neither a file nor a folder exists there.
        """

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
        """List files and folders in a folder after the path `after`, in a stable order.

        A folder comes before its content. Links, pipes, devices and names that are not valid in paths are omitted.
        """

    async def list_sorted(self, project_id: UUID, folder: DrivePath, search: SortedSearch) -> SortedEntries:
        """Return a page of the content of a folder in another order than that of `list`.

        A remote storage lists by name only. It considers a limited number of entries, and returns whether these were
        all.
        """

    async def delete(self, project_id: UUID, path: DrivePath) -> None:
        """Delete a file or an empty folder.

        Raises:
            DriveFileMissing: The path does not exist.
            FolderNotEmpty: The folder is not empty.
        """

    async def measure(self, project_id: UUID) -> DriveSize:
        """Return the size of the drive; this reads all of its metadata, and may take long."""

    async def create_folder(self, project_id: UUID, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
        """Create a folder and its parents, if they do not exist.

        Raises:
            PathTaken: A part of the path is a file.
            DriveFull: The disk is full.
        """

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
        """Move a file or a folder; an existing file is replaced only with `is_replacing`, a folder never.

        With a version, the source must be a file of that version: the check and the move are one step.

        Raises:
            DriveFileMissing: The source does not exist.
            DriveFileChanged: It has another version, or was replaced while it was moved.
            PathTaken: The target exists, or a part of its path is not a folder.
        """

    async def delete_tree(self, project_id: UUID, path: DrivePath, *, limit: int) -> Deleted:
        """Delete a folder with its content, up to `limit` files and folders per call.

        Raises:
            DriveFileMissing: The folder does not exist.
        """

    async def close(self) -> None:
        """Close every connection."""


StillWanted = Callable[[], Awaitable[None]]
"""Returns while the file may be written; its error aborts the write before the file becomes visible."""


@runtime_checkable
class RemoteStorage(Storage, Protocol):
    """A remote storage, without live folders: each job has its own folder, and its changes are uploaded."""

    async def put(
        self,
        project_id: UUID,
        path: DrivePath,
        descriptor: int,
        *,
        size_bytes: int,
        still_wanted: StillWanted,
    ) -> DriveEntry:
        """Upload the first bytes of an open file to the path; it replaces a file that exists there.

        `still_wanted` is called immediately before the file becomes visible, in each attempt.

        Raises:
            PathTaken: A folder exists there, or a part of the path is not a folder.
            StoredFileTooLarge: The file exceeds the size limit of the storage.
        """
