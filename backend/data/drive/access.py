"""Decide which files a caller without the scope `drive:read` may read: its own uploads and files of its own jobs.

Every path to the content of a file that does not require the scope uses this module: inputs of jobs, copies and moves,
and the URLs of outputs. Access applies to one version of a file; later writes of others to the same path are not
included.
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
"""For each path, the one version that was checked. A path that is missing may be read in any version."""


class FileNotAllowed(NotAllowed):
    """The caller may not read the file. The error does not reveal whether it exists."""

    def __init__(self, path: str) -> None:
        shown_path = path if len(path) <= 200 else f"{path[:199]}…"
        super().__init__(
            f"This API key may not read {shown_path!r} in the drive: it lacks the scope {SCOPE!r}, and "
            "neither this key nor its own jobs have written such a file. Add the scope to the key, upload "
            "the file with this key, or send its content as a `data:` URL. The `url` of a job's output "
            "works as well.",
            path=shown_path,
            scope=SCOPE,
        )


def reads_all(principal: Principal) -> bool:
    """Return whether the principal may read every file of the drive."""
    return principal.scopes is None or SCOPE in principal.scopes


async def check(
    session: AnySession, principal: Principal, paths: Collection[DrivePath], *, known_job: UUID | None = None
) -> Versions:
    """Reject paths that the principal may not read, and return the versions of the others.

    Args:
        session: Reads the metadata of files and jobs.
        principal: The caller.
        paths: Paths to read; they need not exist.
        known_job: A job whose ID the principal has proved to know.

    Raises:
        FileNotAllowed: The principal may not read one of the paths; the error names the first one.
    """
    if not paths or reads_all(principal):
        return {}
    stored = await _stored_files(session, principal, paths)
    own = await _jobs_of_paths(session, principal, paths, stored, known_job)
    versions: Versions = {}
    missing: list[str] = []
    for path in map(str, sorted(paths)):
        row = stored.get(path)
        version = _version_of_output(path, row, own)
        if row is not None and _is_written_by(row.written_by, principal, own.ids):
            versions[path] = row.version
        elif version is not None:
            versions[path] = version
        elif not _is_in_folder_of(path, own.ids):
            missing.append(path)
    return versions | await _found_outputs(session, principal, missing, stored)


async def _jobs_of_paths(
    session: AnySession,
    principal: Principal,
    paths: Collection[DrivePath],
    stored: Mapping[str, Any],
    known_job: UUID | None,
) -> _OwnJobs:
    """Return the caller's jobs that the paths name or that have written the files, and `known_job`."""
    ids = {UUID(found) for path in paths for found in _ID.findall(str(path))}
    ids |= {known_job} if known_job is not None else set()
    if principal.kind != "publishable_key":
        ids.update(job_id for row in stored.values() for job_id in _writing_jobs(row.written_by))
    return await _own_jobs(session, principal, JobFilter("ids", [str(one) for one in ids]))


async def _found_outputs(
    session: AnySession, principal: Principal, missing: list[str], stored: Mapping[str, Any]
) -> Versions:
    """Return the versions of files that are outputs of any of the caller's jobs.

    Raises:
        FileNotAllowed: A path is no such output; the error names the first one.
    """
    versions: Versions = {}
    if missing and principal.kind == "publishable_key":
        raise FileNotAllowed(missing[0])
    found = await _own_jobs(session, principal, JobFilter("paths", missing))
    for path in missing:
        version = _version_of_output(path, stored.get(path), found)
        if version is None:
            raise FileNotAllowed(path)
        versions[path] = version
    return versions


class JobOutput(NamedTuple):
    """An output of a job."""

    path: str
    version: str | None
    """The version that the job wrote. None: the job finished before outputs had versions."""
    ended_at: datetime | None
    """When the job finished; None while it runs."""

    @classmethod
    def of(cls, output: Mapping[str, Any], ended_at: datetime | None) -> Self:
        """Return an output from the row of its job."""
        return cls(str(output.get("drive_path")), output.get("version"), ended_at)

    def is_replaced(self, row: Any) -> bool:
        """Return whether the stored metadata shows that the file was written again after the end of the job."""
        if row is None or row.version == self.version or row.written_by is None or row.written_at is None:
            return False
        return bool(self.ended_at is not None and row.written_at > self.ended_at)

    def pinned_version(self, row: Any) -> str | None:
        """Return the version that the job wrote, as far as it is known."""
        if self.version is None and row is not None and row.written_by is not None:
            return str(row.version)
        return self.version


async def readable_versions(
    session: AnySession, principal: Principal, outputs: Sequence[JobOutput]
) -> list[str | None]:
    """Return for each output the one version that the principal may read, or None if it may read none.

    Args:
        session: Reads the metadata of files and jobs.
        principal: A caller who may see the jobs but not read the whole drive.
        outputs: Outputs of jobs that the principal may see.
    """
    stored = await _stored_files(session, principal, {output.path for output in outputs})
    rows: list[Any] = [stored.get(output.path) for output in outputs]
    own: Collection[UUID] = ()
    if principal.kind != "publishable_key":
        replaced = [row for output, row in zip(outputs, rows, strict=True) if output.is_replaced(row)]
        ids = {str(job_id) for row in replaced for job_id in _writing_jobs(row.written_by)}
        own = (await _own_jobs(session, principal, JobFilter("ids", list(ids)))).ids
    versions = []
    for output, row in zip(outputs, rows, strict=True):
        if not output.is_replaced(row):
            versions.append(output.pinned_version(row))
        else:
            versions.append(row.version if _is_written_by(row.written_by, principal, own) else None)
    return versions


async def _stored_files(
    session: AnySession, principal: Principal, paths: Collection[DrivePath] | Collection[str]
) -> Mapping[str, Any]:
    values = {"project_id": principal.project_id, "paths": [str(path) for path in paths]}
    return {row.path: row for row in (await session.execute(_RECORDED, values)).all()}


def _is_written_by(
    writer: Mapping[str, Any] | None, principal: Principal, own_jobs: Collection[UUID]
) -> bool:
    """Return whether the principal uploaded the file, or jobs that it may read wrote it."""
    if writer is not None and writer.get("kind") == "key":
        return writer.get("id") in [str(key_id) for key_id in principal.own_key_ids]
    jobs = _writing_jobs(writer)
    return bool(jobs) and all(job_id in own_jobs for job_id in jobs)


def _writing_jobs(writer: Mapping[str, Any] | None) -> Sequence[UUID]:
    """Return the job that wrote a file, or the jobs of which one did."""
    if writer is None or writer.get("kind") not in ("job", "jobs"):
        return []
    return [UUID(one) for one in writer.get("ids") or [writer["id"]]]


def _version_of_output(path: str, row: Any, own: _OwnJobs) -> str | None:
    """Return the version that one of the caller's jobs has as an output. None: no job has it, or it was replaced."""
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
    outputs: Mapping[str, JobOutput]
    """Outputs by path. If several jobs name a file, the output of the last one."""


class JobFilter(NamedTuple):
    """Selects the principal's jobs by ID, or by paths in their outputs."""

    by: str
    values: list[str]


class OwnJob(Protocol):
    """A job of the principal."""

    @property
    def id(self) -> UUID:
        """The ID of the job."""

    @property
    def outputs(self) -> Sequence[Mapping[str, Any]]:
        """The files that its result names."""

    @property
    def finished_at(self) -> datetime | None:
        """When it ended."""


FindOwnJobs = Callable[[AnySession, Principal, JobFilter], Awaitable[Sequence[OwnJob]]]
"""Return the matching jobs that the principal has submitted, or that such a job has started.

The scope `jobs:read` does not include files: it shows the outputs of other callers' jobs through their URLs.

Many users share a publishable key, and each knows only the IDs of its own jobs. So the jobs of such a key are never
searched: a job counts as the caller's own only if its ID is in the path, or if it is `known_job`."""


async def _no_jobs(session: AnySession, principal: Principal, job_filter: JobFilter) -> Sequence[OwnJob]:
    raise RuntimeError("No search for own jobs is registered: import backend.execution.jobs.access.own_jobs.")


_find_own_jobs: FindOwnJobs = _no_jobs


def use(find: FindOwnJobs) -> None:
    """Register the function that finds the jobs of principals.

    Jobs are in a higher layer, which the drive cannot import.
    """
    global _find_own_jobs
    _find_own_jobs = find


async def _own_jobs(session: AnySession, principal: Principal, job_filter: JobFilter) -> _OwnJobs:
    if not job_filter.values:
        return _OwnJobs(frozenset(), {})
    rows = await _find_own_jobs(session, principal, job_filter)
    outputs: dict[str, JobOutput] = {}
    for row in sorted(rows, key=lambda row: row.finished_at or now()):
        outputs_of_job = [JobOutput.of(output, row.finished_at) for output in row.outputs]
        outputs |= {output.path: output for output in outputs_of_job}
    return _OwnJobs(frozenset(row.id for row in rows), outputs)
