"""Send the row of an ended job to the request that submitted it and waits, which then does not read the database.

    finish.sql ─ JSON ─ EventNotification ─ Redis ─ Subscription ─ wait.submit_and_wait

The statement that ends a job returns the row as it was committed, and no later statement changes it, except for
ratings. A waiting request without a row that it can use reads the database.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Final
from uuid import UUID

from backend.execution.jobs import queries
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.status import TERMINAL
from backend.identity.auth.principal import Principal, Role

MAX_CHARACTERS: Final = 8_192
"""Every process that is subscribed to events receives the row, so a larger one is not sent."""
_VERSION: Final = sha256(" ".join(queries.STORED).encode()).hexdigest()[:8]
"""Differs between processes whose releases have different columns."""
_SIZE: Final = " + ".join(
    f"coalesce(pg_column_size({name}), 0)"
    for name in ("prompt", "inputs", "metadata", "usage", "result", "outputs", "error")
)
# An array, since building and sending an object takes twice as long.
SQL: Final = f"""
case when {_SIZE} <= {MAX_CHARACTERS} and not exists (
  select from feedback f where f.job_id = jobs.id and f.project_id = jobs.project_id
)
then cast(json_build_array('{_VERSION}', {", ".join(queries.STORED)}) as text) end
"""
"""Expression for the row of a job as text; null if it is too large, or a user has rated the running job."""


def sendable(row: str | None) -> str:
    """Return the row in the form in which a notification contains it; empty for none."""
    return row if row is not None and len(row) <= MAX_CHARACTERS else ""


def read(row: str, principal: Principal, job_id: UUID) -> JobRead | None:
    """Return a job that the principal has submitted; None if the row cannot be used.

    Raises:
        NotAllowed: The principal may not read jobs.
    """
    if not row or principal.kind == "job":  # jobs see only themselves and their subjobs
        return None
    principal.require(Role.VIEWER, "jobs:read_own")
    try:
        version, *values = json.loads(row)
        if version != _VERSION:
            return None
        stored = dict(zip(queries.STORED, values, strict=True))
        job = queries.view({**stored, "feedback": [], "place": None})
    except (ValueError, TypeError, AttributeError):  # not a row of this application
        return None
    is_it = (job.id, job.project_id) == (job_id, principal.project_id) and job.status in TERMINAL
    return job if is_it else None
