"""What can be wrong with a request for a job's events.

PurasError
└── EventsGone  410  they were removed some time after the job's end
"""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import PurasError


class EventsGone(PurasError):
    """The job's events were removed some time after its end."""

    status = 410
    code = "events_gone"

    def __init__(self, job_id: UUID) -> None:
        super().__init__(
            f"The events of job {str(job_id)!r} were removed: this instance keeps them for a while after a job's end. "
            "Its result and its receipt are still there.",
            job_id=str(job_id),
        )
