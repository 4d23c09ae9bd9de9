"""The orders of a list of jobs, as parts that one index each serves, and the positions of pages in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, tuple_
from sqlmodel import col

from backend.core.db.paging import Page
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.status import Status
from backend.execution.jobs.tables import Job

JobSort = Literal["created_at", "-created_at", "duration", "-duration", "cost", "-cost", "status", "-status"]
"""The order of a list of jobs; `-` for descending."""
SORTS: Final[Sequence[JobSort]] = get_args(JobSort)
NEWEST_FIRST: Final[JobSort] = "-created_at"

_STATUSES: Final[Sequence[Status]] = ("queued", "running", "waiting", "succeeded", "failed", "cancelled")
"""In the order of the life of a job."""
_NOT_ENDED: Final = frozenset({"queued", "running", "waiting"})
_ZERO: Final = timedelta()
_COST: Final[Any] = col(Job.cost_micros) + col(Job.called_cost_micros)
_DURATION: Final[Any] = col(Job.finished_at) - func.coalesce(
    col(Job.first_started_at), col(Job.started_at), col(Job.finished_at)
)
_KEYS: Final[dict[str, Any]] = {"cost": _COST, "duration": _DURATION}
"""The sort keys of ended jobs. They are the expressions of the indexes, which hold ended jobs only."""


class JobPosition(NamedTuple):
    """The place of a job in a sorted list."""

    group: str
    """The part of the list: a status, `ended`, or `all`."""
    key: datetime | timedelta | int
    id: UUID


@dataclass(frozen=True, slots=True)
class Group:
    """A part of a sorted list, with one condition and one sort key."""

    condition: ColumnElement[bool] | None
    key: Any
    is_descending: bool
    after: JobPosition | None = None

    def restrict(self, query: Select[Any]) -> Select[Any]:
        """Return the query of the jobs of this part, in its order."""
        if self.condition is not None:
            query = query.where(self.condition)
        if self.after is not None:
            place, position = tuple_(self.key, col(Job.id)), (self.after.key, self.after.id)
            query = query.where(place < position if self.is_descending else place > position)
        columns = (self.key, col(Job.id))
        return query.order_by(*(one.desc() if self.is_descending else one.asc() for one in columns))


def groups_of(sort: JobSort, *, status: Status | str | None, after: JobPosition | None) -> Iterator[Group]:
    """Yield the parts of a list that start after a position, in order.

    A list that is sorted by duration or cost ends with the jobs that have not ended, since both are still changing.
    """
    groups = _groups(sort)
    names = [name for name, _ in groups]
    first = 0 if after is None else names.index(after.group)
    for name, group in groups[first:]:
        if _is_possible(name, status):
            is_cut = after is not None and name == after.group
            yield replace(group, after=after) if is_cut else group


def cursor_position(sort: JobSort, job: JobRead) -> tuple[Any, ...]:
    """Return the parts of the cursor of the page that starts after a job."""
    if sort == NEWEST_FIRST:
        return (job.created_at, job.id)
    field = sort.removeprefix("-")
    if field == "created_at":
        return ("all", job.created_at, job.id)
    if field == "status" or job.finished_at is None:
        return (job.status, job.created_at, job.id)
    key = job.cost_micros if field == "cost" else _duration(job) // timedelta(microseconds=1)
    return ("ended", key, job.id)


def parse_position(sort: JobSort, page: Page) -> JobPosition | None:
    """Return the position after which a page starts; None for the first page.

    Raises:
        Invalid: The cursor is not one of a list in this order.
    """
    if sort == NEWEST_FIRST:
        found = page.time_position()
        return None if found is None else JobPosition("all", found.at, found.id)
    return page.position(lambda group, key, job_id: _position(sort, group, key, job_id))


def _position(sort: JobSort, group: str, key: str, job_id: str) -> JobPosition:
    if group not in (name for name, _ in _groups(sort)):
        raise ValueError("a position in a list with another order")
    if group != "ended":
        at = datetime.fromisoformat(key)
        if at.tzinfo is None:
            raise ValueError("a time without a time zone")
        return JobPosition(group, at, UUID(job_id))
    number = int(key)
    if abs(number) >= 2**62:
        raise ValueError("a number that no job has")
    is_cost = sort.endswith("cost")
    return JobPosition(group, number if is_cost else timedelta(microseconds=number), UUID(job_id))


def _groups(sort: JobSort) -> Sequence[tuple[str, Group]]:
    field, is_descending = sort.removeprefix("-"), sort.startswith("-")
    created_at = col(Job.created_at)
    if field == "created_at":
        return [("all", Group(None, created_at, is_descending))]
    by_status: list[tuple[str, Group]] = [
        (one, Group(col(Job.status) == one, created_at, is_descending=True)) for one in _STATUSES
    ]
    if field == "status":
        return by_status[::-1] if is_descending else by_status
    ended = Group(col(Job.finished_at).is_not(None), _KEYS[field], is_descending)
    return [("ended", ended), *(group for group in by_status if group[0] in _NOT_ENDED)]


def _is_possible(group: str, status: str | None) -> bool:
    """Return whether a part can contain jobs of a list that is filtered by the status."""
    if status is None or group == "all":
        return True
    return status not in _NOT_ENDED if group == "ended" else group == status


def _duration(job: JobRead) -> timedelta:
    ended_at, started_at = job.finished_at, job.started_at
    return _ZERO if ended_at is None or started_at is None else ended_at - started_at
