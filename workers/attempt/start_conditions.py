"""Check the conditions for the start of a job.

They are credit, and an approval that could not be requested at submission.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from backend.core.db.engine import Database
from backend.execution.approvals.types import START, ApprovalRequest
from backend.execution.approvals.worker import Decision, decisions
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.execution.jobs.attempts.finish import AttemptResult
from backend.skills.manifest.types import Skill
from workers.attempt.attempt import Attempt
from workers.attempt.types import Prepared
from workers.db_retry import DatabaseRetry
from workers.types import Failure, Measured, Outcome, Postponed

WALLET_RETRY_S: Final = 5.0
TOO_SMALL: Final = (
    "The balance is less than the maximum cost of this run including the price of its listing, so the run "
    "did not start and cost nothing. Add credit, or lower `limits.cost_usd`, and replay the job."
)


def check_funds(job_attempt: JobAttempt) -> AttemptResult | Postponed | None:
    """Return why the attempt cannot start without money; None if it can.

    A job whose limit another job has lowered, and one whose key has ended, fail in `prepare`. Agents check by
    themselves, since simulated models cost nothing. A flow reserves only its price and what its steps have used.
    """
    is_free = job_attempt.type == "flow" and not job_attempt.price_micros
    is_unpaid = job_attempt.cap_micros > 0 and job_attempt.reserved_micros == 0 and not is_free
    if not is_unpaid or job_attempt.key_ended is not None or job_attempt.lowered_by:
        return None
    if job_attempt.price_micros:
        if job_attempt.is_wallet_too_small:
            return AttemptResult("failed", error=TOO_SMALL, error_code="wallet_too_small")
        return Postponed("wallet_held", after_s=WALLET_RETRY_S)  # other runs return what they do not use
    return Postponed("wallet_empty") if job_attempt.type != "agentic" else None


START_POSITION: Final = (0, 1)
"""Step and position of the approval of a start, after that of the inputs by a guardrail."""
CODE: Final = "approval_denied"


async def require_approval(attempt: Attempt, prepared: Prepared) -> Failure | Postponed | None:
    """Return why the job must not start now; None if it may."""
    job_attempt = attempt.job_attempt
    if not job_attempt.needs_approval:
        return None
    found = await read_decisions(attempt.context.database, job_attempt.project_id, job_attempt.job_id)
    decided = found.get(START_POSITION)
    if decided is None:
        request = ApprovalRequest(
            *START_POSITION,
            job_attempt.skill_name,
            START,
            prepared.assignment.inputs,
            input_schema=prepared.skill.input_json_schema,
        )
        return Postponed("approval", approvals=(request,))
    if decided.status == "approved":
        return None
    why = "the approval expired"
    if decided.status == "denied":
        why = "a user rejected it" + (f": {decided.reason.rstrip('.')}" if decided.reason else "")
    return Failure(
        CODE,
        f"This run of the skill {job_attempt.skill_name!r} needs an approval to start (`confirm: true`, or a version "
        "that "
        f"confirms less than the active one), and did not start: {why}.",
        Measured(0.0),
    )


def without_approvals(skill: Skill, outcome: Outcome | Postponed) -> Outcome | Postponed:
    """Return the outcome; a failure if a trial would ask users for an approval of code that they have not read."""
    if not skill.is_trial or not isinstance(outcome, Postponed) or not outcome.approvals:
        return outcome
    tool = outcome.approvals[0].tool
    return Failure(
        CODE, f"{tool} needs an approval, for which a run of the assistant's copy cannot ask.", Measured(0.0)
    )


async def read_decisions(
    database: Database, project_id: UUID, job_id: UUID
) -> dict[tuple[int, int], Decision]:
    """Return what users decided about the job's requests for approval, by step and position."""
    retry = DatabaseRetry("decisions not read yet", job_id=str(job_id))
    while True:
        async with retry, database.reading() as session:
            return await decisions(session, project_id=project_id, job_id=job_id)
