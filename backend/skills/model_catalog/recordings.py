"""How a job asks for the replies of an earlier one instead of a model's: `recording/<id of that job>`."""

from __future__ import annotations

from uuid import UUID

FAMILY = "recording"


def slug_of(job_id: UUID) -> str:
    """The name under which the replies of that job are asked for."""
    return f"{FAMILY}/{job_id}"


def recorded_job(slug: str | None) -> UUID | None:
    """The job whose replies are asked for; None when it is a model that is."""
    family, _, written = (slug or "").partition("/")
    if family != FAMILY:
        return None
    try:
        return UUID(written)
    except ValueError:
        return None
