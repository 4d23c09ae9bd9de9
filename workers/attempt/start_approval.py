"""The approval that a job needs before it starts: nothing could ask for it when the job was submitted."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from backend.core.db.engine import Database
from backend.execution.approvals.types import START, Wanted
from backend.execution.approvals.worker import Decision, decisions
from workers.attempt.attempt import Attempt
from workers.attempt.types import Prepared
from workers.db_retry import DatabaseRetry
from workers.types import Failure, Measured, Postponed

START_PLACE: Final = (0, 1)
"""Step and place of the approval of a start, after that of the inputs by a guardrail."""
CODE: Final = "approval_denied"


async def require_approval(attempt: Attempt, prepared: Prepared) -> Failure | Postponed | None:
    """Return why the job must not start now; None if it may."""
    claimed = attempt.claimed
    if not claimed.needs_approval:
        return None
    found = await read_decisions(attempt.context.database, claimed.project_id, claimed.job_id)
    decided = found.get(START_PLACE)
    if decided is None:
        wanted = Wanted(*START_PLACE, claimed.skill_name, START, prepared.assignment.inputs)
        return Postponed("approval", wanted=(wanted,))
    if decided.status == "approved":
        return None
    why = "no user approved it in time"
    if decided.status == "denied":
        why = f"a user rejected it{f': {decided.reason}' if decided.reason else ''}"
    return Failure(
        CODE,
        f"This run of the skill {claimed.skill_name!r} needs an approval to start (`confirm: true`, or a version that "
        f"confirms less than the active one), and did not start: {why}.",
        Measured(0.0),
    )


async def read_decisions(
    database: Database, project_id: UUID, job_id: UUID
) -> dict[tuple[int, int], Decision]:
    """Return what users decided about the job's requests for approval, by step and place."""
    retry = DatabaseRetry("decisions not read yet", job_id=str(job_id))
    while True:
        async with retry, database.reading() as session:
            return await decisions(session, project_id=project_id, job_id=job_id)
