"""Name the replies of an earlier job as a model: `recording/<id of that job>`."""

from __future__ import annotations

from uuid import UUID

FAMILY = "recording"


def slug_of(job_id: UUID) -> str:
    """Return the model name that selects the replies of a job."""
    return f"{FAMILY}/{job_id}"


def recorded_job(slug: str | None) -> UUID | None:
    """Return the job whose replies a model name selects; None if it is the name of a model."""
    family, _, written = (slug or "").partition("/")
    if family != FAMILY:
        return None
    try:
        return UUID(written)
    except ValueError:
        return None
