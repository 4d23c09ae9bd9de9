"""Looks at a drive after jobs have run in it: how much it holds now, and which job wrote what.

No job waits for it. What a job wrote is told by times that the kernel keeps: a file that was changed while exactly one
job could have written it is of that job, and so is one that exactly one of them names in its outputs. Of several it is
said that it was one of them, and of too many nothing.
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
from backend.storage.folders import taken_bytes, walk
from backend.storage.local import LocalStorage
from backend.storage.paths import DrivePath, is_component

log = logs.get(__name__)

REST_S: Final = 5.0
"""A drive is looked at this often at most,"""
_SHARE: Final = 20
"""and a look that took a second is repeated after twenty."""
MAX_TRIES: Final = 8
"""Times that a look is tried which fails, with pauses that double: twenty minutes in all."""
MAX_TOLD: Final = 5
"""Of more jobs than these nobody learns anything."""
_MAX_FILES: Final = 10_000
"""Changed files of one look; of more nothing is said."""
_MAX_JOBS: Final = 2_000
_SLACK_S: Final = 1.0
"""By which times of the kernel and of the database may be apart once their clocks have been compared."""

_CLOCK: Final = text("select clock_timestamp()")
_JOBS: Final = text("""
select id, case when attempt > 1 or started_at is null then created_at else started_at end as began,
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
    moments: tuple[float, float]
    """When its content was, and when anything of it was; a job can feign the first, not the second."""


class Window(NamedTuple):
    """A job, and when it may have written."""

    job_id: UUID
    began: float
    ended: float
    outputs: frozenset[str]


@dataclass(slots=True)
class _Due:
    since: float
    """When the first job began that was not looked after yet."""
    pushed: list[tuple[UUID, DrivePath]] = field(default_factory=list)
    """What jobs have put into a storage that is elsewhere."""
    tries: int = 0
    """Looks that failed."""


class Looks:
    """The looks of one worker process."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._drives = Drives(context.database, context.storage, context.settings.quotas)
        self._due: dict[UUID, _Due] = {}
        self._not_before: dict[UUID, float] = {}
        self._task: asyncio.Task[None] | None = None

    def note(self, project_id: UUID, job_id: UUID, began: float, pushed: Iterable[DrivePath] = ()) -> None:
        """A job has ended that began then, in Unix time."""
        due = self._due.get(project_id)
        if due is None:
            due = self._due[project_id] = _Due(began)
        due.since = min(due.since, began)
        due.pushed += [(job_id, path) for path in pushed]
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._run(), name="looks at drives")

    async def close(self) -> None:
        """Look at nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._due:
            project_id = min(self._due, key=lambda one: self._not_before.get(one, 0.0))
            await asyncio.sleep(max(0.5, self._not_before.get(project_id, 0.0) - time.monotonic()))
            due, began = self._due.pop(project_id), time.monotonic()
            is_done = False
            with background_tasks.log_and_continue("looks at drives", project_id=str(project_id)):
                is_done = await self._try_to_look(project_id, due)
            if not is_done:
                self._put_back(project_id, due)
            rest_s = max(REST_S * 2**due.tries, _SHARE * (time.monotonic() - began))
            self._not_before = {one: at for one, at in self._not_before.items() if at > time.monotonic()} | {
                project_id: time.monotonic() + rest_s
            }

    async def _try_to_look(self, project_id: UUID, due: _Due) -> bool:
        due.tries += 1
        try:
            await self.look(project_id, due.since, due.pushed)
        except (SQLAlchemyError, OSError, PurasError) as error:
            log.warning(
                "a drive was not looked at",
                project_id=str(project_id),
                error=type(error).__name__,
                is_last=due.tries == MAX_TRIES,
            )
            return False
        due.tries = 0
        return True

    def _put_back(self, project_id: UUID, due: _Due) -> None:
        """It is looked at another time, with what has come since; the count of all drives is put right in the end."""
        newer = self._due.get(project_id)
        if newer is not None:
            due.since = min(due.since, newer.since)
            due.pushed += newer.pushed
        if due.tries < MAX_TRIES:
            self._due[project_id] = due

    async def look(self, project_id: UUID, since: float, pushed: Sequence[tuple[UUID, DrivePath]]) -> None:
        """Count the drive anew, and say which job wrote what was changed since."""
        if not isinstance(self._context.storage, LocalStorage):
            await self._tell_pushed(project_id, pushed)
            await usage.true_up(self._drives, project_id)
            return
        before, at = await usage.current(self._drives, project_id), now()
        found = await asyncio.to_thread(_seen, self._context.storage, project_id, since - _SLACK_S)
        await usage.correct(self._drives, project_id, before, found.bytes, found.files)
        await self._tell(project_id, since, found.changed)
        async with self._context.database.transaction() as session:
            await session.execute(_PRUNE, {"project_id": project_id, "before": at, "paths": found.paths})

    async def _tell(self, project_id: UUID, since: float, changed: Sequence[Changed]) -> None:
        if not changed or len(changed) > _MAX_FILES:
            return
        windows = await self._windows(project_id, since)
        rows = []
        for each in changed:
            writer = writer_of(each, windows)
            if writer is not None:
                at = datetime.fromtimestamp(each.moments[0], UTC)
                rows.append(provenance.row_of(each.entry, written_by=writer, written_at=at))
        async with self._context.database.transaction() as session:
            await provenance.put_all(session, project_id, rows)

    async def _windows(self, project_id: UUID, since: float) -> list[Window]:
        """When each job may have written, by the clock of this machine; none when there are too many to tell."""
        async with self._context.database.glance() as session:
            earlier = time.time()
            clock: datetime = (await session.execute(_CLOCK)).scalar_one()
            ahead_s = clock.timestamp() - (earlier + time.time()) / 2
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
                row.began.timestamp() - ahead_s - _SLACK_S,
                (row.ended.timestamp() - ahead_s if row.ended else time.time()) + _SLACK_S,
                frozenset(str(file.get("drive_path")) for file in row.outputs or ()),
            )
            for row in rows
        ]

    async def _tell_pushed(self, project_id: UUID, pushed: Sequence[tuple[UUID, DrivePath]]) -> None:
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
    """The job that wrote a file, or those of which it was one."""
    could = [one for one in windows if all(one.began <= at <= one.ended for at in file.moments)]
    named = [one for one in could if file.entry.path in one.outputs]
    if len(could) == 1 or len(named) == 1:
        return _job((could if len(could) == 1 else named)[0].job_id)
    if 1 < len(could) <= MAX_TOLD:
        return {"kind": "jobs", "ids": [str(one.job_id) for one in could]}
    return None


def _job(job_id: UUID) -> dict[str, Any]:
    return {"kind": "job", "id": str(job_id), "label": f"job:{job_id}"}


class _Found(NamedTuple):
    bytes: int
    files: int
    changed: list[Changed]
    paths: list[str]


def _seen(storage: LocalStorage, project_id: UUID, since: float) -> _Found:
    total = count = 0
    changed: list[Changed] = []
    paths: list[str] = []
    for seen in walk(storage.drive_dir(project_id, None)):
        count += 1
        total += taken_bytes(seen.found)
        if not seen.is_file or not all(map(is_component, seen.path)):
            continue
        path = DrivePath(seen.path)
        paths.append(str(path))
        if seen.found.st_ctime >= since and len(changed) <= _MAX_FILES:
            moments = (seen.found.st_mtime, seen.found.st_ctime)
            changed.append(Changed(entry_of(path, seen.found), moments))
    return _Found(total, count, changed, paths)
