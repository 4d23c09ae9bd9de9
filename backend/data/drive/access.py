"""Which files of a drive a caller without the scope `drive:read` may read: its own uploads and files of its own jobs.

Every way to the content of a file that does not require the scope asks here: the inputs of jobs, copies and moves, and
the URLs of outputs. What may be read is one version of a file: what others write to the path later is theirs.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Protocol, Self
from uuid import UUID

from sqlalchemy import text

from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.core.errors import NotAllowed
from backend.identity.auth.principal import Principal
from backend.storage.paths import JOBS_FOLDER, LISTINGS_FOLDER, DrivePath

SCOPE: Final = "drive:read"
_ID: Final = re.compile(
    "(?<![0-9a-f])([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})(?![0-9a-f])"
)
_RECORDED: Final = text("""
select path, version, written_by, written_at from drive_files
where project_id = :project_id and path = any(cast(:paths as text[]))
""")

Versions = dict[str, str]
"""Of each path the one version that was checked; a path without one may be read as it is when it is read."""


class FileNotAllowed(NotAllowed):
    """The caller may not read the file; there may be no such file, and the error does not reveal it."""

    def __init__(self, path: str) -> None:
        shown = path if len(path) <= 200 else f"{path[:199]}…"
        super().__init__(
            f"This API key may not read {shown!r} in the drive: it does not have the scope {SCOPE!r}, and there is no "
            "such file that this key has uploaded or that its own jobs have made. Add the scope to the key, upload the "
            "file with this key, or send its content as a `data:` URL. The `url` of a job's output works as well.",
            path=shown,
            scope=SCOPE,
        )


def reads_all(principal: Principal) -> bool:
    """Return whether the principal may read every file of the drive."""
    return principal.scopes is None or SCOPE in principal.scopes


async def check(
    session: AnySession, principal: Principal, paths: Collection[DrivePath], *, known_job: UUID | None = None
) -> Versions:
    """Reject paths that the principal may not read, and return the versions of those that it may.

    Args:
        session: Reads the records of files and jobs.
        principal: Who wants to read.
        paths: Which need not exist.
        known_job: A job whose id the principal has proved to know.

    Raises:
        FileNotAllowed: With the first such path.
    """
    if not paths or reads_all(principal):
        return {}
    recorded = await _recorded(session, principal, paths)
    own = await _jobs_of_paths(session, principal, paths, recorded, known_job)
    versions: Versions = {}
    missing: list[str] = []
    for path in map(str, sorted(paths)):
        row = recorded.get(path)
        version = _version_of_output(path, row, own)
        if row is not None and _is_written_by(row.written_by, principal, own.ids):
            versions[path] = row.version
        elif version is not None:
            versions[path] = version
        elif not _is_in_folder_of(path, own.ids):
            missing.append(path)
    return versions | await _found_outputs(session, principal, missing, recorded)


async def _jobs_of_paths(
    session: AnySession,
    principal: Principal,
    paths: Collection[DrivePath],
    recorded: Mapping[str, Any],
    known_job: UUID | None,
) -> _OwnJobs:
    """Return the own jobs that the paths name, that have written the files, and the known one."""
    ids = {UUID(found) for path in paths for found in _ID.findall(str(path))}
    ids |= {known_job} if known_job is not None else set()
    if principal.kind != "publishable_key":
        ids.update(job_id for row in recorded.values() for job_id in _writing_jobs(row.written_by))
    return await _own_jobs(session, principal, Wanted("ids", [str(one) for one in ids]))


async def _found_outputs(
    session: AnySession, principal: Principal, missing: list[str], recorded: Mapping[str, Any]
) -> Versions:
    """Return the versions of files that are outputs of any own job.

    Raises:
        FileNotAllowed: With the first path that is none.
    """
    versions: Versions = {}
    if missing and principal.kind == "publishable_key":
        raise FileNotAllowed(missing[0])
    found = await _own_jobs(session, principal, Wanted("paths", missing))
    for path in missing:
        version = _version_of_output(path, recorded.get(path), found)
        if version is None:
            raise FileNotAllowed(path)
        versions[path] = version
    return versions


class MadeFile(NamedTuple):
    """An output of a job."""

    path: str
    version: str | None
    """What the job left; None: the job finished before outputs had versions."""
    ended_at: datetime | None
    """When the job finished, if it has."""

    @classmethod
    def of(cls, output: Mapping[str, Any], ended_at: datetime | None) -> Self:
        """Return an output as the row of its job has it."""
        return cls(str(output.get("drive_path")), output.get("version"), ended_at)

    def is_replaced(self, row: Any) -> bool:
        """Return whether the record of the file says that it was written again after the end of the job."""
        if row is None or row.version == self.version or row.written_by is None or row.written_at is None:
            return False
        return bool(self.ended_at is not None and row.written_at > self.ended_at)

    def pinned_version(self, row: Any) -> str | None:
        """Return the version that the job left, as far as it is known."""
        if self.version is None and row is not None and row.written_by is not None:
            return str(row.version)
        return self.version


async def readable_versions(
    session: AnySession, principal: Principal, outputs: Sequence[MadeFile]
) -> list[str | None]:
    """Return of each output the one version that the principal may read; None: it may read none.

    Args:
        session: Reads the records of files and jobs.
        principal: Who may see the jobs, and may not read the whole drive.
        outputs: Of jobs that the principal may see.
    """
    recorded = await _recorded(session, principal, {output.path for output in outputs})
    rows: list[Any] = [recorded.get(output.path) for output in outputs]
    own: Collection[UUID] = ()
    if principal.kind != "publishable_key":
        replaced = [row for output, row in zip(outputs, rows, strict=True) if output.is_replaced(row)]
        ids = {str(job_id) for row in replaced for job_id in _writing_jobs(row.written_by)}
        own = (await _own_jobs(session, principal, Wanted("ids", list(ids)))).ids
    versions = []
    for output, row in zip(outputs, rows, strict=True):
        if not output.is_replaced(row):
            versions.append(output.pinned_version(row))
        else:
            versions.append(row.version if _is_written_by(row.written_by, principal, own) else None)
    return versions


async def _recorded(
    session: AnySession, principal: Principal, paths: Collection[DrivePath] | Collection[str]
) -> Mapping[str, Any]:
    values = {"project_id": principal.project_id, "paths": [str(path) for path in paths]}
    return {row.path: row for row in (await session.execute(_RECORDED, values)).all()}


def _is_written_by(
    writer: Mapping[str, Any] | None, principal: Principal, own_jobs: Collection[UUID]
) -> bool:
    """Return whether the principal has uploaded the file, or jobs that it may read have written it."""
    if writer is not None and writer.get("kind") == "key":
        return bool(writer.get("id") == str(principal.id))
    jobs = _writing_jobs(writer)
    return bool(jobs) and all(job_id in own_jobs for job_id in jobs)


def _writing_jobs(writer: Mapping[str, Any] | None) -> Sequence[UUID]:
    """Return the job that wrote a file, or those of which one did."""
    if writer is None or writer.get("kind") not in ("job", "jobs"):
        return []
    return [UUID(one) for one in writer.get("ids") or [writer["id"]]]


def _version_of_output(path: str, row: Any, own: _OwnJobs) -> str | None:
    """Return the version in which an own job has the file as an output; None: no job, or others have replaced it."""
    output = own.outputs.get(path)
    return None if output is None or output.is_replaced(row) else output.pinned_version(row)


def _is_in_folder_of(path: str, own_jobs: Collection[UUID]) -> bool:
    parts = path.split("/")
    if parts[0] == JOBS_FOLDER and len(parts) > 2:
        return parts[1] in {str(job_id) for job_id in own_jobs}
    if parts[0] == LISTINGS_FOLDER and len(parts) > 3:
        return parts[2] in {job_id.hex for job_id in own_jobs}
    return False


class _OwnJobs(NamedTuple):
    """Jobs that the principal has submitted, and the files that their results name."""

    ids: frozenset[UUID]
    outputs: Mapping[str, MadeFile]
    """By their paths, as the last job has left them that names the file."""


class Wanted(NamedTuple):
    """Which of the principal's jobs matter: those with the ids, or with the paths in their outputs."""

    by: str
    values: list[str]


class OwnJob(Protocol):
    """A job of the principal."""

    @property
    def id(self) -> UUID:
        """Of the job."""

    @property
    def outputs(self) -> Sequence[Mapping[str, Any]]:
        """The files that its result names."""

    @property
    def finished_at(self) -> datetime | None:
        """When it ended."""


FindOwnJobs = Callable[[AnySession, Principal, Wanted], Awaitable[Sequence[OwnJob]]]
"""Returns those of the jobs that the principal has submitted, or that such a job has called.

The scope `jobs:read` opens no files: it shows the outputs of jobs of others by their URLs.

Many people share a publishable key, and each knows jobs by their ids alone. So the jobs of such a key are never
searched: one counts as the caller's own where its id is in the path, or is the known one.
"""


async def _no_jobs(session: AnySession, principal: Principal, wanted: Wanted) -> Sequence[OwnJob]:
    raise RuntimeError("No search for own jobs is registered: import backend.execution.jobs.access.own_jobs.")


_find_own_jobs: FindOwnJobs = _no_jobs


def use(find: FindOwnJobs) -> None:
    """Find the jobs of principals with this function: jobs are above the drive, which does not know them."""
    global _find_own_jobs
    _find_own_jobs = find


async def _own_jobs(session: AnySession, principal: Principal, wanted: Wanted) -> _OwnJobs:
    if not wanted.values:
        return _OwnJobs(frozenset(), {})
    rows = await _find_own_jobs(session, principal, wanted)
    outputs: dict[str, MadeFile] = {}
    for row in sorted(rows, key=lambda row: row.finished_at or now()):
        made = [MadeFile.of(output, row.finished_at) for output in row.outputs]
        outputs |= {output.path: output for output in made}
    return _OwnJobs(frozenset(row.id for row in rows), outputs)
