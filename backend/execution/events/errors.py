"""Errors of the events of jobs."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import PurasError


class EventsGone(PurasError):
    """The job's events were removed some time after its end."""

    status = 410
    code = "events_gone"
    message = (
        "The events of job {job_id!r} were deleted: this instance stores events for a limited time after "
        "the end of a job. The result and the receipt of the job still exist."
    )
    job_id: UUID
