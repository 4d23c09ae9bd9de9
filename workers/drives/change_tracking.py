"""Track changes: measure a drive after jobs have run in it, and record which job wrote which file.

No job waits for it. The writer of a file follows from the kernel's timestamps: it is the only job that ran at that
time, or the only one of them that names the file in its outputs. If there are several, all are recorded; if there are
too many, none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.context import AppContext
from backend.core import background_tasks, logs
from backend.core.clock import now
from backend.core.errors import PurasError
from backend.data.drive import provenance, usage
from backend.data.drive.usage import Drives
from backend.storage import DriveEntry
from backend.storage.drive_files import entry_of
from backend.storage.file_errors import DriveFileMissing
from backend.storage.folders import counted_bytes, walk
from backend.storage.local import LocalStorage
from backend.storage.paths import DrivePath, is_component

log = logs.get(__name__)

MIN_PAUSE_S: Final = 5.0
"""Minimum pause between two checks of a drive."""
_SHARE: Final = 20
"""The pause after a check, as a multiple of its duration."""
MAX_ATTEMPTS: Final = 8
"""Attempts at a check, with pauses that double: twenty minutes in total."""
MAX_WRITERS: Final = 5
"""If more jobs may have written a file, no writer is recorded."""
_MAX_FILES: Final = 10_000
"""Maximum changed files of one check; if there are more, no writers are recorded."""
_MAX_JOBS: Final = 2_000
_SLACK_S: Final = 1.0
"""The maximum difference of timestamps of the kernel and of the database after their clocks were compared."""

_CLOCK: Final = text("select clock_timestamp()")
_JOBS: Final = text("""
select id, case when attempt > 1 or started_at is null then created_at else started_at end as started,
       finished_at as ended, outputs
from jobs where project_id = :project_id and finished_at >= :since and attempt > 0
union all
select id, case when attempt > 1 or started_at is null then created_at else started_at end, null, outputs
from jobs where project_id = :project_id and status in ('queued', 'running', 'waiting') and attempt > 0
limit :most
""")
_PRUNE: Final = text("""
delete from drive_files where project_id = :project_id and (written_at is null or written_at < :before)
  and not (path = any(:paths))
""")


class Changed(NamedTuple):
    """A file that was changed."""

    entry: DriveEntry
    times: tuple[float, float]
    """When its content changed, and when its status changed; a job can fake the first, not the second."""


class Window(NamedTuple):
    """A job, and the time in which it may have written."""

    job_id: UUID
    started: float
    ended: float
    outputs: frozenset[str]


@dataclass(slots=True)
class _Due:
    since: float
    """When the first job started that was not checked yet."""
    pushed: list[tuple[UUID, DrivePath]] = field(default_factory=list)
    """Files that jobs have stored in a remote storage."""
    attempts: int = 0
    """Failed attempts."""


class ChangeTracker:
    """Checks the drives of the jobs of one worker process."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._drives = Drives(context.database, context.storage, context.settings.quotas)
        self._due: dict[UUID, _Due] = {}
        self._not_before: dict[UUID, float] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, project_id: UUID, job_id: UUID, started: float, pushed: Iterable[DrivePath] = ()) -> None:
        """Note that a job has ended which started at that Unix time."""
        due = self._due.get(project_id)
        if due is None:
            due = self._due[project_id] = _Due(started)
        due.since = min(due.since, started)
        due.pushed += [(job_id, path) for path in pushed]
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="drive checks")

    async def close(self) -> None:
        """Stop checking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._due:
            project_id = min(self._due, key=lambda one: self._not_before.get(one, 0.0))
            await asyncio.sleep(max(0.5, self._not_before.get(project_id, 0.0) - time.monotonic()))
            due, started = self._due.pop(project_id), time.monotonic()
            is_done = False
            with background_tasks.log_and_continue("drive checks", project_id=str(project_id)):
                is_done = await self._try_check(project_id, due)
            if not is_done:
                self._retry_later(project_id, due)
            pause_s = max(MIN_PAUSE_S * 2**due.attempts, _SHARE * (time.monotonic() - started))
            self._not_before = {one: at for one, at in self._not_before.items() if at > time.monotonic()} | {
                project_id: time.monotonic() + pause_s
            }

    async def _try_check(self, project_id: UUID, due: _Due) -> bool:
        due.attempts += 1
        try:
            await self.check(project_id, due.since, due.pushed)
        except (SQLAlchemyError, OSError, PurasError) as error:
            log.warning(
                "drive not checked",
                project_id=str(project_id),
                error=type(error).__name__,
                is_last=due.attempts == MAX_ATTEMPTS,
            )
            return False
        due.attempts = 0
        return True

    def _retry_later(self, project_id: UUID, due: _Due) -> None:
        """Repeat the check later, with newer jobs; the periodic count corrects what is missed."""
        newer = self._due.get(project_id)
        if newer is not None:
            due.since = min(due.since, newer.since)
            due.pushed += newer.pushed
        if due.attempts < MAX_ATTEMPTS:
            self._due[project_id] = due

    async def check(self, project_id: UUID, since: float, pushed: Sequence[tuple[UUID, DrivePath]]) -> None:
        """Measure the drive again, and record which job wrote the files that changed since."""
        if not isinstance(self._context.storage, LocalStorage):
            await self._record_stored(project_id, pushed)
            await usage.recount(self._drives, project_id)
            return
        before, at = await usage.current(self._drives, project_id), now()
        found = await asyncio.to_thread(_scan, self._context.storage, project_id, since - _SLACK_S)
        await usage.set_count(self._drives, project_id, before, found.bytes, found.files)
        await self._record_writers(project_id, since, found.changed)
        async with self._context.database.transaction() as session:
            await session.execute(_PRUNE, {"project_id": project_id, "before": at, "paths": found.paths})

    async def _record_writers(self, project_id: UUID, since: float, changed: Sequence[Changed]) -> None:
        if not changed or len(changed) > _MAX_FILES:
            return
        windows = await self._windows(project_id, since)
        rows = []
        for each in changed:
            writer = writer_of(each, windows)
            if writer is not None:
                at = datetime.fromtimestamp(each.times[0], UTC)
                rows.append(provenance.row_of(each.entry, written_by=writer, written_at=at))
        async with self._context.database.transaction() as session:
            await provenance.put_all(session, project_id, rows)

    async def _windows(self, project_id: UUID, since: float) -> list[Window]:
        """Return when each job may have written, in the time of this host.

        The result is empty if there are too many jobs.
        """
        async with self._context.database.read_session() as session:
            before_query = time.time()
            clock: datetime = (await session.execute(_CLOCK)).scalar_one()
            ahead_s = clock.timestamp() - (before_query + time.time()) / 2
            values = {
                "project_id": project_id,
                "since": datetime.fromtimestamp(since + ahead_s - _SLACK_S, UTC),
                "most": _MAX_JOBS + 1,
            }
            rows = (await session.execute(_JOBS, values)).all()
        if len(rows) > _MAX_JOBS:
            return []
        return [
            Window(
                row.id,
                row.started.timestamp() - ahead_s - _SLACK_S,
                (row.ended.timestamp() - ahead_s if row.ended else time.time()) + _SLACK_S,
                frozenset(str(file.get("drive_path")) for file in row.outputs or ()),
            )
            for row in rows
        ]

    async def _record_stored(self, project_id: UUID, pushed: Sequence[tuple[UUID, DrivePath]]) -> None:
        rows = []
        last = {path: job_id for job_id, path in pushed}
        for path, job_id in last.items():
            try:
                entry = await self._context.storage.stat(project_id, path)
            except DriveFileMissing:
                continue
            rows.append(provenance.row_of(entry, written_by=_job(job_id), written_at=now()))
        async with self._context.database.transaction() as session:
            await provenance.put_all(session, project_id, rows)


def writer_of(file: Changed, windows: Sequence[Window]) -> dict[str, Any] | None:
    """Return the job that wrote a file, or the jobs of which one did."""
    candidates = [one for one in windows if all(one.started <= at <= one.ended for at in file.times)]
    named = [one for one in candidates if file.entry.path in one.outputs]
    if len(candidates) == 1 or len(named) == 1:
        return _job((candidates if len(candidates) == 1 else named)[0].job_id)
    if 1 < len(candidates) <= MAX_WRITERS:
        return {"kind": "jobs", "ids": [str(one.job_id) for one in candidates]}
    return None


def _job(job_id: UUID) -> dict[str, Any]:
    return {"kind": "job", "id": str(job_id), "label": f"job:{job_id}"}


class _Found(NamedTuple):
    bytes: int
    files: int
    changed: list[Changed]
    paths: list[str]


def _scan(storage: LocalStorage, project_id: UUID, since: float) -> _Found:
    total = count = 0
    changed: list[Changed] = []
    paths: list[str] = []
    for item in walk(storage.drive_dir(project_id, None)):
        count += 1
        total += counted_bytes(item.found)
        if not item.is_file or not all(map(is_component, item.path)):
            continue
        path = DrivePath(item.path)
        paths.append(str(path))
        if item.found.st_ctime >= since and len(changed) <= _MAX_FILES:
            times = (item.found.st_mtime, item.found.st_ctime)
            changed.append(Changed(entry_of(path, item.found), times))
    return _Found(total, count, changed, paths)
