"""The seam of what is kept outside the database: bundles, and the files of drives."""

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


@dataclass(frozen=True, slots=True)
class DriveEntry:
    """A file or a folder of a drive, as it was a moment ago: jobs may change it at any time."""

    path: str
    """From the root of the drive: `out/report.pdf`."""
    size_bytes: int
    """0 for a folder."""
    modified_at: datetime
    is_folder: bool
    version: str
    """Changes whenever the file's content does; the `ETag` without its quotes."""
    changed_at: datetime | None = None
    """When anything of it changed, where jobs can feign `modified_at`; this they cannot."""

    @property
    def mime(self) -> str:
        """What kind of file it is, by its name."""
        return UNKNOWN if self.is_folder else by_name(self.path)


class Holdings(NamedTuple):
    """How much a drive holds."""

    bytes: int
    files: int
    """And folders, where the storage has them."""


class Deleted(NamedTuple):
    """What was removed of a folder."""

    things: int
    is_done: bool
    """Whether nothing of it is left."""
    freed_bytes: int


class Incoming(Protocol):
    """Bytes on their way into a drive; nobody sees them before `place`."""

    @property
    def size_bytes(self) -> int:
        """How many were written so far."""

    @property
    def sha256(self) -> str:
        """Of all that was written so far, hexadecimal."""

    async def write(self, chunk: bytes) -> None:
        """Add to the end.

        Raises:
            DriveFull: the disk has no room.
        """

    async def settle(self) -> None:
        """Bring what was written to where the drives are, so that `place` takes a moment; may take long.

        Raises:
            DriveFull: the disk has no room.
            StorageUnavailable: the storage does not answer.
        """

    async def place(self, project_id: UUID, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
        """Make the whole of it visible at the path at once, in the place of a file that was there.

        Raises:
            PathTaken: a folder is there, or a part of the path is not a folder.
            DriveFull: the disk has no room.
            StorageUnavailable: the storage does not answer.
        """


class Outgoing(Protocol):
    """An open file of a drive: what is read stays of one file, even if a job puts another in its place."""

    @property
    def entry(self) -> DriveEntry:
        """The file when it was opened."""

    def chunks(self, start: int, length: int) -> AsyncIterator[bytes]:
        """At most `length` bytes from byte `start` on; fewer when the file has become shorter."""

    async def steady(self) -> None:
        """See to it that every change from now on gives the file another version, also one through mapped memory."""

    async def is_unchanged(self) -> bool:
        """Whether the file is still as it was when it was opened."""

    async def direct_url(self, *, ttl_s: int) -> str | None:
        """An address of the storage's own that opens the file for a while; none when it is read through us."""

    async def close(self) -> None:
        """Let go of the file."""


class Storage(Protocol):
    """Where bundles and drives are; every implementation keeps the same promises.

    Besides what is said below, everything that is awaited raises `StorageUnavailable` when the storage is elsewhere and
    does not answer.
    """

    async def put_bundle(self, sha256: str, data: bytes) -> None:
        """Keep a bundle under its hash, durably, before this returns.

        Raises:
            BundleDamaged: the bytes do not have that hash.
        """

    async def get_bundle(self, sha256: str) -> bytes:
        """The bytes of a bundle, checked against the hash.

        Raises:
            BundleMissing: there is none of that hash.
            BundleDamaged: the stored bytes changed.
        """

    async def delete_bundle(self, sha256: str) -> None:
        """Forget a bundle; one that is not there is forgotten already."""

    def drive_dir(self, project_id: UUID, owner_uid: int | None) -> Path | None:
        """The live folder of a project's drive, made if need be, open to its owner alone.

        None when drives are elsewhere: then every job gets a folder of its own, and what it changed there is put back.
        """

    @property
    def uploads_dir(self) -> Path:
        """A folder of this machine for uploads that go on over several requests; `receive` takes them from there."""

    def receive(self, begun: Path | None = None) -> AbstractAsyncContextManager[Incoming]:
        """Take in a file: write to it, then place it; what is not placed is gone at the end.

        It begins with what is in the file `begun`, if given, which lies in `uploads_dir` and stays there.
        """

    async def open_read(self, project_id: UUID, path: DrivePath) -> Outgoing:
        """Open a file; close it when done.

        Raises:
            DriveFileMissing: there is no such file, or it is a link, a pipe or a device.
        """

    async def stat(self, project_id: UUID, path: DrivePath) -> DriveEntry:
        """What is at the path.

        Raises:
            DriveFileMissing: neither a file nor a folder is.
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
        """Files and folders in a folder, in an order that stays the same, beginning behind `after`.

        A folder comes before what is in it. Links, pipes, devices and names that are no paths are left out.
        """

    async def delete(self, project_id: UUID, path: DrivePath) -> None:
        """Delete a file, or a folder that is empty.

        Raises:
            DriveFileMissing: nothing is there.
            FolderNotEmpty: it is a folder that still holds something.
        """

    async def measure(self, project_id: UUID) -> Holdings:
        """How much the drive holds: looks at everything, so it may take long."""

    async def make_folder(self, project_id: UUID, path: DrivePath, *, owner_uid: int | None) -> DriveEntry:
        """Make a folder, and those around it; one that is there stays.

        Raises:
            PathTaken: a part of the path is a file.
            DriveFull: the disk has no room.
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
        """Give a file or a folder another path; a file that is there goes only when asked, a folder never.

        With a version, the source is a file, and is moved only if it is of that version: check and move are one step.

        Raises:
            DriveFileMissing: the source is not there.
            DriveFileChanged: it is of another version, or was replaced while it was moved.
            PathTaken: something is at the target, or in the way of it.
        """

    async def delete_tree(self, project_id: UUID, path: DrivePath, *, most: int) -> Deleted:
        """Delete a folder with what is in it, `most` things at a time.

        Raises:
            DriveFileMissing: there is no such folder.
        """

    async def close(self) -> None:
        """Let go of every connection."""


StillWanted = Callable[[], Awaitable[None]]
"""Returns while a file is wanted; what it raises ends the writing before anybody sees the file."""


@runtime_checkable
class DistantStorage(Storage, Protocol):
    """A storage that has no live folders: jobs get theirs, and what they changed is put back."""

    async def put(
        self,
        project_id: UUID,
        path: DrivePath,
        descriptor: int,
        *,
        size_bytes: int,
        still_wanted: StillWanted,
    ) -> DriveEntry:
        """Put the first bytes of an open file at the path, in the place of a file that was there.

        `still_wanted` is asked right before the file is seen, and as often as that is tried.

        Raises:
            PathTaken: a folder is there, or a part of the path is not a folder.
            StoredFileTooLarge: the storage takes no file of that size.
        """
