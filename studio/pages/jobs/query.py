"""What the URL of the list of jobs contains: filters, order, columns, and the jobs that are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, cast, get_args
from urllib.parse import urlencode
from uuid import UUID

from backend.execution.jobs.failures.tables import STATES, FailureState
from backend.execution.jobs.queries import JobFilter
from backend.execution.jobs.sorting import NEWEST_FIRST, SORTS, JobSort
from backend.execution.jobs.view_filters import JobColumn, JobViewFilters
from backend.saved_views.schemas import ViewOfJobs

FILTERS: Final[Sequence[str]] = tuple(JobViewFilters.model_fields)
COLUMNS: Final[Sequence[JobColumn]] = get_args(JobColumn)
DEFAULT_COLUMNS: Final[Sequence[JobColumn]] = (
    "job",
    "skill",
    "version",
    "source",
    "submitted_by",
    "duration",
    "cost",
    "created_at",
)
COMPARED_JOBS: Final = 2
FAILURE_DAYS: Final[Sequence[int]] = (1, 7, 30, 90)
"""The periods of the failures."""


@dataclass(frozen=True, slots=True)
class JobQuery:
    """The part of the URL after `?`."""

    filters: Mapping[str, str] = field(default_factory=dict)
    """Texts by name, without empty ones."""
    sort: JobSort = NEWEST_FIRST
    columns: tuple[JobColumn, ...] = ()
    """Empty: those that the user has chosen in this browser."""
    compared: tuple[str, ...] = ()
    """The IDs of the jobs that are compared."""
    failure_days: int = 0
    """The period of the failures; 0: the list of jobs is shown."""
    failure_state: FailureState = "open"
    """The state of the errors that are shown."""

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> JobQuery:
        """Return the query of a URL without its invalid parts."""
        filters = {name: parameters[name] for name in FILTERS if parameters.get(name)}
        sort = parameters.get("sort", "")
        days, state = parameters.get("failures", ""), parameters.get("failure_state", "")
        compared = tuple(filter(_is_id, parameters.get("compare", "").split(",")))
        return cls(
            {name: text for name, text in filters.items() if is_valid(name, text)},
            cast(JobSort, sort) if sort in SORTS else NEWEST_FIRST,
            parse_columns(parameters.get("columns", "")),
            compared if len(compared) == COMPARED_JOBS else (),
            int(days) if days in map(str, FAILURE_DAYS) else 0,
            state if state in STATES else "open",
        )

    @classmethod
    def of_view(cls, view: ViewOfJobs) -> JobQuery:
        """Return the query that opens a saved view."""
        filters = view.filters.model_dump(mode="json", exclude_none=True)
        columns = tuple(one for one in COLUMNS if one in (view.columns or ()))
        return cls({name: _text(filters[name]) for name in FILTERS if name in filters}, view.sort, columns)

    def with_filters(self, change: Mapping[str, str]) -> JobQuery:
        """Return the query with changed filters; an empty text removes a filter."""
        changed = {**self.filters, **change}
        return replace(self, filters={name: changed[name] for name in FILTERS if changed.get(name)})

    def encode(self) -> str:
        """Return the query as text for a URL, without what is the default."""
        parts = dict(self.filters)
        if self.sort != NEWEST_FIRST:
            parts["sort"] = self.sort
        if self.columns:
            parts["columns"] = ",".join(self.columns)
        if self.compared:
            parts["compare"] = ",".join(self.compared)
        if self.failure_days:
            parts["failures"] = str(self.failure_days)
        if self.failure_days and self.failure_state != "open":
            parts["failure_state"] = self.failure_state
        return urlencode(parts, safe=",")

    def view_filters(self) -> JobViewFilters:
        """Return the filters with their types."""
        return JobViewFilters.model_validate(dict(self.filters))

    def job_filter(self) -> JobFilter:
        """Return the conditions of the list."""
        return self.view_filters().job_filter()


def parse_columns(text: str) -> tuple[JobColumn, ...]:
    """Return the known columns of a list of names, in the order of the table."""
    names = set(text.split(","))
    return tuple(one for one in COLUMNS if one in names)


def is_valid(name: str, text: str) -> bool:
    """Return whether a text is a value of a filter."""
    try:
        JobViewFilters.model_validate({name: text})
        return name not in ("since", "until") or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:  # of pydantic, or a time that only pydantic accepts, such as a number of seconds
        return False


def _text(value: Any) -> str:
    """Return a value as the URL has it: `1` instead of `1.0`."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _is_id(text: str) -> bool:
    parse: Callable[[str], UUID] = UUID
    try:
        parse(text)
    except ValueError:
        return False
    return True
