"""Errors of the events of jobs."""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import PurasError


class EventsGone(PurasError):
    """The job's events were removed some time after its end."""

    status = 410
    code = "events_gone"
    message = (
        "The events of job {job_id!r} were removed: this instance keeps them for a while after a job's end. Its "
        "result and its receipt are still there."
    )
    job_id: UUID
