"""The short form of IDs of jobs."""

from __future__ import annotations

from typing import Final

SHORT_CHARACTERS: Final = 8
"""The number of characters that the studio and names of files show of the ID of a job."""


def short(job_id: object) -> str:
    """Return the last characters of the ID of a job, which distinguish it from other jobs.

    The last, since the first ones are the same for all jobs of a minute if IDs begin with a time (UUID version 7).
    """
    return str(job_id)[-SHORT_CHARACTERS:]
