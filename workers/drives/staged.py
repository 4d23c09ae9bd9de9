"""A job's own folder in the place of a drive that is elsewhere: filled before the job, put back after it.

Put back is what a job that succeeds has changed, under its attempt's number: before each object appears in the storage
the database is asked whether the attempt is still the running one. A job that fails, is cancelled or lost changes
nothing. Of two jobs that write the same file the one that ends last wins.

A run of a listing of another project has such a folder whatever the storage: it is given what its caller's inputs name,
and what it makes goes to a folder of its own in the caller's drive, which nothing of the caller's is ever in.
"""

from __future__ import annotations

import asyncio
import os
from asyncio import to_thread
from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.config.quotas import Quotas
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.errors import PurasError
from backend.data.drive.file_refs import drive_path, input_files, path_of
from backend.data.drive.listing_access import folder_of, reach_of
from backend.data.drive.usage import Drives
from backend.execution.jobs.claim import JobAttempt
from backend.skills.manifest.types import Skill
from backend.storage import DistantStorage, DriveEntry, StillWanted, Storage
from backend.storage.errors import StorageUnavailable
from backend.storage.file_errors import BadDrivePath, DriveFileMissing, FolderNotEmpty, PathTaken
from backend.storage.paths import JOBS_FOLDER, ROOT, DrivePath
from backend.storage.tree_walk import made_folder
from workers.drives.errors import AttemptLost, ChangedFilesTooMuch, InputFilesTooLarge, InputFilesTooMany
from workers.drives.room import Counted, taken
from workers.drives.scan import MAX_FILES, Changes, Stamp, changes, open_changed
from workers.sandbox.isolation.job_folders import JobFolders

MAX_PATH_CHARACTERS: Final = 1_100
_CHUNK_BYTES: Final = 1 << 20
_AT_ONCE: Final = 4
"""Files of one job that are on their way at the same time."""
_IS_RUNNING: Final = text(
    "select 1 from jobs where project_id = :project_id and id = :job_id and attempt = :attempt "
    "and status = 'running' and cancel_requested_at is null"
)


@dataclass(slots=True)
class OwnDrive:
    """The folder of one attempt."""

    folder: Path
    project_id: UUID
    most_bytes: int
    owner_uid: int | None = None
    base: DrivePath = ROOT
    """The folder of the project's drive into which all of it is put back."""
    before: dict[DrivePath, Stamp] = field(default_factory=dict)
    """What was fetched, as it was then."""
    pushed: set[DrivePath] = field(default_factory=set)
    """What is in the storage by now: an attempt to put everything back goes on where the last one ended."""
    counted: Counted = field(default_factory=dict)
    """What of the drive's count is of the files that are put back."""

    @property
    def is_guest(self) -> bool:
        """The job's code is not the project's own."""
        return self.base != ROOT

    def place_of(self, path: DrivePath) -> DrivePath:
        """Where in the project's drive a file of the folder is put."""
        size = len(self.base.parts)
        return path if path.parts[:size] == self.base.parts else DrivePath((*self.base.parts, *path.parts))

    @property
    def placed(self) -> list[DrivePath]:
        """What is in the project's drive by now, as it is called there."""
        return [self.place_of(path) for path in self.pushed]

    def as_placed(self, value: Any) -> Any:
        """A result with the files that were put elsewhere named where they are."""
        if isinstance(value, dict):
            return {name: self.as_placed(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self.as_placed(part) for part in value]
        if not self.is_guest or not isinstance(value, str) or len(value) > MAX_PATH_CHARACTERS:
            return value
        path = drive_path(value)
        return str(self.place_of(path)) if path in self.pushed else value


class OwnDrives:
    """The folders of the attempts of one worker process."""

    def __init__(self, storage: Storage, database: Database, quotas: Quotas, root: Path) -> None:
        self._storage = storage
        self._database = database
        self._drives = Drives(database, storage, quotas)
        self._folders = JobFolders(root)

    async def make(
        self, claimed: JobAttempt, skill: Skill, *, owner_uid: int | None, most_bytes: int
    ) -> OwnDrive:
        """A folder for the attempt that has the files which its inputs name.

        Raises:
            InputFilesTooLarge: they do not fit into the job.
            InputFilesTooMany: they are more than can be fetched.
            StorageUnavailable: they cannot be had now.
        """
        base = ROOT if claimed.publisher_id is None else folder_of(claimed.listing, claimed.job_id)
        drive = OwnDrive(self._folders.make(owner_uid), claimed.project_id, most_bytes, owner_uid, base)
        try:
            entries = await self._named(claimed, skill)
            total = sum(entry.size_bytes for entry in entries.values())
            if total > most_bytes:
                raise InputFilesTooLarge(total, most_bytes)
            await _each([self._fetch(drive, path, entry, owner_uid) for path, entry in entries.items()])
        except BaseException:
            self.release(drive)
            raise
        return drive

    async def put_back(
        self, drive: OwnDrive, claimed: JobAttempt, deleted: Collection[DrivePath] = ()
    ) -> Changes:
        """Bring what the job has changed into the storage; may be called again after it failed.

        Deleted is what the job has deleted by the kit and not written again, and nothing else that is missing.

        Raises:
            AttemptLost: the attempt is not the running one any more.
            DriveQuotaReached: the drive would become larger than it may, and nothing was changed.
            StorageUnavailable: not everything is there yet.
            PurasError: something of it can never be there; everything else is.
        """
        found = await to_thread(changes, drive.folder, drive.before, most_bytes=drive.most_bytes)
        gone = [] if drive.is_guest else [path for path in deleted if path not in found.present]
        if len(gone) > MAX_FILES:
            raise ChangedFilesTooMuch(f"more than {MAX_FILES:,} deletions")
        waiting = {path: size for path, size in found.files.items() if path not in drive.pushed}
        if drive.is_guest:  # what tools have written down for the agent alone
            waiting = {path: size for path, size in waiting.items() if path.parts[0] != JOBS_FOLDER}
        if not waiting and not gone:
            return found
        await self._require_running(claimed)
        await self._count(drive, [*waiting, *gone])
        async with taken(self._drives, drive.project_id, drive.counted, {**waiting, **dict.fromkeys(gone)}):
            refused = await self._put_all(drive, claimed, waiting, found)
            await _each([self._delete(drive, claimed, path) for path in gone])
        if refused:
            raise refused[0]
        return found

    async def _put_all(
        self, drive: OwnDrive, claimed: JobAttempt, waiting: Mapping[DrivePath, int], found: Changes
    ) -> list[PurasError]:
        """Put files into the storage; gives the errors of those that can never be there."""
        refused: list[PurasError] = []

        async def put(path: DrivePath, size_bytes: int) -> None:
            before, drive.counted[path] = drive.counted[path], size_bytes
            try:
                if await self._put(drive, path, size_bytes, lambda: self._require_running(claimed)):
                    return
                found.leave_out(path.folder, path.name, "closed by the job")
            except StorageUnavailable:
                raise  # it may have arrived all the same
            except PurasError as error:
                refused.append(error)
            drive.counted[path] = before

        await _each([put(path, size) for path, size in waiting.items()])
        return refused

    async def _count(self, drive: OwnDrive, paths: Sequence[DrivePath]) -> None:
        """Note how large the files are now that are about to be changed."""

        async def look(path: DrivePath) -> None:
            entry = await self._file_at(drive.project_id, drive.place_of(path))
            drive.counted[path] = None if entry is None else entry.size_bytes

        await _each([look(path) for path in paths if path not in drive.counted])

    async def _file_at(self, project_id: UUID, path: DrivePath) -> DriveEntry | None:
        try:
            entry = await self._storage.stat(project_id, path)
        except (DriveFileMissing, BadDrivePath):
            return None
        return None if entry.is_folder else entry

    def release(self, drive: OwnDrive) -> None:
        """Remove the folder, in the background."""
        self._folders.remove_soon(drive.folder)

    def close(self) -> None:
        """Remove every folder and wait for it."""
        self._folders.close()

    async def _named(self, claimed: JobAttempt, skill: Skill) -> dict[DrivePath, DriveEntry]:
        """The files of the drive that the inputs name; addresses, data and what is not there are left to the skill."""
        paths = {
            path
            for named in input_files(skill, claimed.inputs)
            for written in named.paths()
            if (path := path_of(written)) is not None
        }
        paths = await self._reached(claimed, paths)
        if len(paths) > MAX_FILES:
            raise InputFilesTooMany(MAX_FILES)
        entries: dict[DrivePath, DriveEntry] = {}

        async def look(path: DrivePath) -> None:
            entry = await self._file_at(claimed.project_id, path)
            if entry is not None:
                entries[path] = entry

        await _each([look(path) for path in sorted(paths)])
        return entries

    async def _reached(self, claimed: JobAttempt, paths: set[DrivePath]) -> set[DrivePath]:
        """Of these, what a guest may have: whatever its own code has put into the inputs of what it calls, no more."""
        if claimed.publisher_id is None:
            return paths
        async with self._database.glance() as session:
            reach = await reach_of(session, project_id=claimed.project_id, job_id=claimed.job_id)
        return {path for path in paths if reach is not None and reach.allows(path)}

    async def _fetch(
        self, drive: OwnDrive, path: DrivePath, entry: DriveEntry, owner_uid: int | None
    ) -> None:
        try:
            source = await self._storage.open_read(drive.project_id, path)
        except DriveFileMissing:
            return  # it went a moment ago
        try:
            descriptor = await to_thread(_create, drive.folder, path, owner_uid)
            try:
                async for chunk in source.chunks(0, min(source.entry.size_bytes, entry.size_bytes)):
                    await to_thread(_write, descriptor, chunk)
                drive.before[path] = Stamp.of(os.fstat(descriptor))
            finally:
                os.close(descriptor)
        finally:
            await source.close()

    async def _put(
        self, drive: OwnDrive, path: DrivePath, size_bytes: int, still_wanted: StillWanted
    ) -> bool:
        """Put a changed file into the storage; false if the job has closed it to us."""
        try:
            descriptor = await to_thread(open_changed, drive.folder, path)
        except OSError:
            return False
        try:
            place = drive.place_of(path)
            if isinstance(self._storage, DistantStorage):
                await self._storage.put(
                    drive.project_id, place, descriptor, size_bytes=size_bytes, still_wanted=still_wanted
                )
            else:
                await self._put_near(drive, place, descriptor, size_bytes, still_wanted)
        finally:
            os.close(descriptor)
        drive.pushed.add(path)
        return True

    async def _put_near(
        self,
        drive: OwnDrive,
        place: DrivePath,
        descriptor: int,
        size_bytes: int,
        still_wanted: StillWanted,
    ) -> None:
        """The same where the drives are folders of this machine."""
        async with self._storage.receive() as incoming:
            at = 0
            while at < size_bytes and (
                chunk := await to_thread(os.pread, descriptor, min(_CHUNK_BYTES, size_bytes - at), at)
            ):
                await incoming.write(chunk)
                at += len(chunk)
            await incoming.settle()
            await still_wanted()
            await incoming.place(drive.project_id, place, owner_uid=drive.owner_uid)

    async def _delete(self, drive: OwnDrive, claimed: JobAttempt, path: DrivePath) -> None:
        await self._require_running(claimed)
        with suppress(DriveFileMissing, FolderNotEmpty, BadDrivePath):  # gone already, or never a file
            await self._storage.delete(claimed.project_id, path)
        drive.counted[path] = None

    async def _require_running(self, claimed: JobAttempt) -> None:
        values = {"project_id": claimed.project_id, "job_id": claimed.job_id, "attempt": claimed.attempt}
        async with self._database.reading() as reader:
            found = await reader.execute(_IS_RUNNING, values)
        if found.first() is None:
            raise AttemptLost


def own_drives(context: AppContext) -> OwnDrives:
    """The folders of this process's attempts: of all where drives are elsewhere, else of those of listings."""
    settings = context.settings
    return OwnDrives(context.storage, context.database, settings.quotas, settings.home.resolve() / "drives")


def _create(folder: Path, path: DrivePath, owner_uid: int | None) -> int:
    try:
        with made_folder(folder, path.folder.parts, owner_uid=owner_uid) as parent:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path.name, flags, 0o644, dir_fd=parent)
    except (NotADirectoryError, FileExistsError, IsADirectoryError):
        raise PathTaken(str(path), "Another file that the inputs name") from None
    if owner_uid is not None:
        os.fchown(descriptor, owner_uid, owner_uid)
    return descriptor


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


async def _each(work: Sequence[Awaitable[None]]) -> None:
    """Do all of it, a few at a time; the first error ends the rest."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(each: Awaitable[None]) -> None:
        async with places:
            await each

    tasks = [asyncio.ensure_future(one(each)) for each in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
