"""Manage staged drives.

A staged drive is a folder that a job uses instead of a remote drive. It is filled before the job and stored
after it. The changes of a job that succeeds are stored under the number of its attempt: before each object
appears in the storage, the database confirms that the attempt is still the running one. A job that fails, is
cancelled or lost changes nothing. Of two jobs that write the same file, the one that ends last wins.

A run of a listing of another project always has a staged drive: it contains the files that the caller's inputs name,
and its results go to a separate folder in the caller's drive. A run of an assistant's copy has an empty one, which
is not stored.
"""

from __future__ import annotations

import asyncio
import os
from asyncio import to_thread
from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.config.quotas import Quotas
from backend.context import AppContext
from backend.core.db.engine import Database
from backend.core.errors import PurasError
from backend.data.drive import usage
from backend.data.drive.file_refs import drive_path, input_files, path_of
from backend.data.drive.listing_access import access_of, folder_of
from backend.data.drive.usage import Drives
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.skills.manifest.types import Skill
from backend.storage import DriveEntry, DriveSize, RemoteStorage, StillWanted, Storage
from backend.storage.errors import StorageUnavailable
from backend.storage.file_errors import BadDrivePath, DriveFileMissing, FolderNotEmpty, PathTaken
from backend.storage.paths import JOBS_FOLDER, ROOT, DrivePath
from backend.storage.tree_walk import created_folder
from workers.drives.errors import AttemptLost, ChangedFilesTooMuch, InputFilesTooLarge, InputFilesTooMany
from workers.drives.scan import MAX_FILES, Changes, Stamp, changes, open_changed
from workers.sandbox.isolation.job_folders import JobFolders

Counted = dict[DrivePath, int | None]
"""The counted bytes of each file that a job changes; none if the file does not exist."""


@asynccontextmanager
async def reserved(
    drives: Drives, project_id: UUID, counted: Counted, new_sizes: Mapping[DrivePath, int | None]
) -> AsyncIterator[None]:
    """Reserve space for the requested files.

    In the end, the space is corrected to that of the files that the block has `counted`. Changes that make a drive
    smaller are always allowed, also if it exceeds its quota.

    Raises:
        DriveQuotaReached: the drive would exceed its quota.
    """
    before, more = _total(counted), _total({**counted, **new_sizes})
    size_bytes, files = max(0, more.bytes - before.bytes), max(0, more.files - before.files)
    await usage.current(drives, project_id)
    async with drives.database.transaction() as session:
        await usage.reserve(session, drives.quotas, project_id, size_bytes, files)
    try:
        yield
    finally:
        after = _total(counted)
        async with drives.database.transaction() as session:
            await usage.add(
                session,
                project_id,
                after.bytes - before.bytes - size_bytes,
                after.files - before.files - files,
            )


def _total(counted: Mapping[DrivePath, int | None]) -> DriveSize:
    sizes = [size for size in counted.values() if size is not None]
    return DriveSize(sum(sizes), len(sizes))


MAX_PATH_CHARACTERS: Final = 1_100
_CHUNK_BYTES: Final = 1 << 20
_MAX_CONCURRENT: Final = 4
"""Maximum files of one job that are transferred concurrently."""
_IS_RUNNING: Final = text(
    "select 1 from jobs where project_id = :project_id and id = :job_id and attempt = :attempt "
    "and status = 'running' and cancel_requested_at is null"
)


@dataclass(slots=True)
class StagedDrive:
    """The staged drive of one attempt."""

    folder: Path
    project_id: UUID
    max_bytes: int
    owner_uid: int | None = None
    base: DrivePath = ROOT
    """The folder of the project's drive in which changes are stored."""
    before: dict[DrivePath, Stamp] = field(default_factory=dict)
    """The fetched files, with their stamps."""
    pushed: set[DrivePath] = field(default_factory=set)
    """The files that are already stored: a repeated attempt continues with the others."""
    counted: Counted = field(default_factory=dict)
    """The counted sizes of the files that are stored."""

    @property
    def is_listing_run(self) -> bool:
        """Whether the code of the job belongs to another project."""
        return self.base != ROOT

    def stored_path_of(self, path: DrivePath) -> DrivePath:
        """Return the path in the project's drive of a file of the folder."""
        size = len(self.base.parts)
        return path if path.parts[:size] == self.base.parts else DrivePath((*self.base.parts, *path.parts))

    @property
    def stored_paths(self) -> list[DrivePath]:
        """The stored files, by their paths in the project's drive."""
        return [self.stored_path_of(path) for path in self.pushed]

    def with_final_paths(self, value: Any) -> Any:
        """Return a result with the final paths of its files."""
        if isinstance(value, dict):
            return {name: self.with_final_paths(part) for name, part in value.items()}
        if isinstance(value, list):
            return [self.with_final_paths(part) for part in value]
        if not self.is_listing_run or not isinstance(value, str) or len(value) > MAX_PATH_CHARACTERS:
            return value
        path = drive_path(value)
        return str(self.stored_path_of(path)) if path in self.pushed else value


class StagedDrives:
    """The staged drives of one worker process."""

    def __init__(self, storage: Storage, database: Database, quotas: Quotas, root: Path) -> None:
        self._storage = storage
        self._database = database
        self._drives = Drives(database, storage, quotas)
        self._folders = JobFolders(root)

    async def make(
        self, job_attempt: JobAttempt, skill: Skill, *, owner_uid: int | None, max_bytes: int
    ) -> StagedDrive:
        """Return a folder for the attempt with the files that its inputs name.

        Raises:
            InputFilesTooLarge: they exceed the disk limit of the job.
            InputFilesTooMany: there are too many.
            StorageUnavailable: they are unavailable.
        """
        base = (
            ROOT if job_attempt.publisher_id is None else folder_of(job_attempt.listing, job_attempt.job_id)
        )
        drive = StagedDrive(self._folders.make(owner_uid), job_attempt.project_id, max_bytes, owner_uid, base)
        try:
            entries = {} if skill.is_trial else await self._named(job_attempt, skill)
            total = sum(entry.size_bytes for entry in entries.values())
            if total > max_bytes:
                raise InputFilesTooLarge(total, max_bytes)
            await _each([self._fetch(drive, path, entry, owner_uid) for path, entry in entries.items()])
        except BaseException:
            self.release(drive)
            raise
        return drive

    async def store_changes(
        self, drive: StagedDrive, job_attempt: JobAttempt, deleted: Collection[DrivePath] = ()
    ) -> Changes:
        """Store the changes of the job; may be called again after a failure.

        Files are deleted that the job has deleted with the kit and not written again, not all that are missing.

        Raises:
            AttemptLost: the attempt is not the running one any more.
            DriveQuotaReached: the drive would exceed its quota; nothing was changed.
            StorageUnavailable: not everything is stored yet.
            PurasError: a file cannot be stored; all others are.
        """
        found = await to_thread(changes, drive.folder, drive.before, max_bytes=drive.max_bytes)
        deleted_paths = (
            [] if drive.is_listing_run else [path for path in deleted if path not in found.present]
        )
        if len(deleted_paths) > MAX_FILES:
            raise ChangedFilesTooMuch(f"more than {MAX_FILES:,} deletions")
        pending = {path: size for path, size in found.files.items() if path not in drive.pushed}
        if drive.is_listing_run:  # files of tools for the agent itself
            pending = {path: size for path, size in pending.items() if path.parts[0] != JOBS_FOLDER}
        if not pending and not deleted_paths:
            return found
        await self._require_running(job_attempt)
        await self._count(drive, [*pending, *deleted_paths])
        async with reserved(
            self._drives, drive.project_id, drive.counted, {**pending, **dict.fromkeys(deleted_paths)}
        ):
            rejected = await self._store_files(drive, job_attempt, pending, found)
            await _each([self._delete(drive, job_attempt, path) for path in deleted_paths])
        if rejected:
            raise rejected[0]
        return found

    async def _store_files(
        self, drive: StagedDrive, job_attempt: JobAttempt, pending: Mapping[DrivePath, int], found: Changes
    ) -> list[PurasError]:
        """Store files; return the errors of those that cannot be stored."""
        rejected: list[PurasError] = []

        async def store(path: DrivePath, size_bytes: int) -> None:
            before, drive.counted[path] = drive.counted[path], size_bytes
            try:
                if await self._store_file(
                    drive, path, size_bytes, lambda: self._require_running(job_attempt)
                ):
                    return
                found.omit(path.folder, path.name, "closed by the job")
            except StorageUnavailable:
                raise  # it may be stored nevertheless
            except PurasError as error:
                rejected.append(error)
            drive.counted[path] = before

        await _each([store(path, size) for path, size in pending.items()])
        return rejected

    async def _count(self, drive: StagedDrive, paths: Sequence[DrivePath]) -> None:
        """Note the sizes of the files that are about to change."""

        async def read(path: DrivePath) -> None:
            entry = await self._file_at(drive.project_id, drive.stored_path_of(path))
            drive.counted[path] = None if entry is None else entry.size_bytes

        await _each([read(path) for path in paths if path not in drive.counted])

    async def _file_at(self, project_id: UUID, path: DrivePath) -> DriveEntry | None:
        try:
            entry = await self._storage.stat(project_id, path)
        except (DriveFileMissing, BadDrivePath):
            return None
        return None if entry.is_folder else entry

    def release(self, drive: StagedDrive) -> None:
        """Remove the folder, in the background."""
        self._folders.remove_soon(drive.folder)

    def close(self) -> None:
        """Remove all folders and wait for it."""
        self._folders.close()

    async def _named(self, job_attempt: JobAttempt, skill: Skill) -> dict[DrivePath, DriveEntry]:
        """Return the files of the drive that the inputs name; URLs, data and missing files are left to the skill."""
        paths = {
            path
            for named in input_files(skill, job_attempt.inputs)
            for written in named.paths()
            if (path := path_of(written)) is not None
        }
        paths = await self._allowed(job_attempt, paths)
        if len(paths) > MAX_FILES:
            raise InputFilesTooMany(MAX_FILES)
        entries: dict[DrivePath, DriveEntry] = {}

        async def read(path: DrivePath) -> None:
            entry = await self._file_at(job_attempt.project_id, path)
            if entry is not None:
                entries[path] = entry

        await _each([read(path) for path in sorted(paths)])
        return entries

    async def _allowed(self, job_attempt: JobAttempt, paths: set[DrivePath]) -> set[DrivePath]:
        """Return those of the files that a run of a listing may read.

        These are only those that its own code has put into the inputs of its calls.
        """
        if job_attempt.publisher_id is None:
            return paths
        async with self._database.read_session() as session:
            reach = await access_of(session, project_id=job_attempt.project_id, job_id=job_attempt.job_id)
        return {path for path in paths if reach is not None and reach.allows(path)}

    async def _fetch(
        self, drive: StagedDrive, path: DrivePath, entry: DriveEntry, owner_uid: int | None
    ) -> None:
        try:
            source = await self._storage.open_read(drive.project_id, path)
        except DriveFileMissing:
            return  # it was deleted in the meantime
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

    async def _store_file(
        self, drive: StagedDrive, path: DrivePath, size_bytes: int, still_wanted: StillWanted
    ) -> bool:
        """Store a changed file; return false if the job has made it unreadable."""
        try:
            descriptor = await to_thread(open_changed, drive.folder, path)
        except OSError:
            return False
        try:
            stored_path = drive.stored_path_of(path)
            if isinstance(self._storage, RemoteStorage):
                await self._storage.put(
                    drive.project_id,
                    stored_path,
                    descriptor,
                    size_bytes=size_bytes,
                    still_wanted=still_wanted,
                )
            else:
                await self._store_locally(drive, stored_path, descriptor, size_bytes, still_wanted)
        finally:
            os.close(descriptor)
        drive.pushed.add(path)
        return True

    async def _store_locally(
        self,
        drive: StagedDrive,
        stored_path: DrivePath,
        descriptor: int,
        size_bytes: int,
        still_wanted: StillWanted,
    ) -> None:
        """Store a file if drives are folders of this host."""
        async with self._storage.receive() as incoming:
            at = 0
            while at < size_bytes and (
                chunk := await to_thread(os.pread, descriptor, min(_CHUNK_BYTES, size_bytes - at), at)
            ):
                await incoming.write(chunk)
                at += len(chunk)
            await incoming.stage()
            await still_wanted()
            await incoming.place(drive.project_id, stored_path, owner_uid=drive.owner_uid)

    async def _delete(self, drive: StagedDrive, job_attempt: JobAttempt, path: DrivePath) -> None:
        await self._require_running(job_attempt)
        with suppress(DriveFileMissing, FolderNotEmpty, BadDrivePath):  # already deleted, or never a file
            await self._storage.delete(job_attempt.project_id, path)
        drive.counted[path] = None

    async def _require_running(self, job_attempt: JobAttempt) -> None:
        values = {
            "project_id": job_attempt.project_id,
            "job_id": job_attempt.job_id,
            "attempt": job_attempt.attempt,
        }
        async with self._database.reading() as reader:
            found = await reader.execute(_IS_RUNNING, values)
        if found.first() is None:
            raise AttemptLost


def staged_drives(context: AppContext) -> StagedDrives:
    """Return the staged drives of this process: of all jobs if drives are remote, else of those of listings."""
    settings = context.settings
    return StagedDrives(
        context.storage, context.database, settings.quotas, settings.home.resolve() / "drives"
    )


def _create(folder: Path, path: DrivePath, owner_uid: int | None) -> int:
    try:
        with created_folder(folder, path.folder.parts, owner_uid=owner_uid) as parent:
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
    """Await all, a few of them concurrently; the first error cancels the rest."""
    slots = asyncio.Semaphore(_MAX_CONCURRENT)

    async def one(each: Awaitable[None]) -> None:
        async with slots:
            await each

    tasks = [asyncio.ensure_future(one(each)) for each in work]
    try:
        await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
