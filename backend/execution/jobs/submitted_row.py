"""Show a job to the request that has just submitted it, without reading it from the database.

The row is what the submission wrote, with the defaults of all other columns. A test compares it with what a read shows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from backend.execution.jobs import queries
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, Role

_AS_JSON: Final = ("inputs", "metadata", "limits")
"""Columns whose values the statement takes as text."""
_DEFAULTS: Final = {
    name: Job.model_fields["job_metadata" if name == "metadata" else name].get_default(
        call_default_factory=True
    )
    for name in queries.STORED
    if not Job.model_fields["job_metadata" if name == "metadata" else name].is_required()
}


class SubmittedRow(NamedTuple):
    """The row of a job that costs nothing, as the statement `start_free` or `submit_free` has written it."""

    written: Mapping[str, Any]
    """The values of the statement."""
    started_at: datetime | None = None
    """None: the job waits."""
    queued: Any = None
    """The row that `submit_free` has returned."""

    def view(self, principal: Principal) -> JobRead:
        """Return the job as the API shows it to the principal that has submitted it.

        Raises:
            NotAllowed: The principal may not read jobs.
        """
        principal.require(Role.VIEWER, "jobs:read_own")
        values = {name: self.written[name] for name in queries.STORED if name in self.written}
        values |= {name: json.loads(self.written[name]) for name in _AS_JSON}
        if self.started_at is not None:
            values |= {"status": "running", "attempt": 1, "started_at": self.started_at}
        return queries.view({**_DEFAULTS, **values, "feedback": [], "place": self._place()})

    def _place(self) -> dict[str, Any] | None:
        """Return the `QueueState` of a job that waits."""
        if self.started_at is not None:
            return None
        return {
            "stamp": self.queued.stamp,
            "is_quarantined": False,
            "not_before": None,
            "lane": self.written["lane"],
            "admitted": self.queued.admitted,
            "concurrency_limit": self.queued.concurrency_limit,
            "has_money": True,
            "can_reserve": True,
            "has_worker": self.queued.has_worker,
        }
