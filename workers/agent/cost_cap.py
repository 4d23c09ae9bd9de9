"""Describe the limit that determines the maximum cost of a job, and how to raise it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from backend.execution.jobs.attempts.claim import JobAttempt
from backend.money.pricing import usd_to_micros
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.types import Skill

Source = Literal["job_limit", "budget", "key_cap", "caller", "wallet"]

_OR_CHEAPER: Final = "or choose a cheaper model"


class CostCap(NamedTuple):
    """The limit that determines the reservation, and how to raise it."""

    source: Source
    fix: str
    """A message."""


JOB_LIMIT: Final = CostCap("job_limit", f"Raise `limits.cost_usd`, {_OR_CHEAPER}.")
SESSION_LIMIT: Final = CostCap(
    "job_limit",
    "This is what the session may still cost. Start a new session, or ask an admin to raise the limit `session_usd` "
    "of the project.",
)


def cost_cap_of(job_attempt: JobAttempt, skill: Skill) -> CostCap:
    """Return the limit that decided how much is reserved for a job."""
    if job_attempt.reserved_micros >= job_attempt.cap_micros:
        return CostCap("job_limit", _fix_of_job_limit(job_attempt, skill))
    if job_attempt.lowered_by is not None:
        return CostCap(job_attempt.lowered_by.kind, job_attempt.lowered_by.why_less())
    if not job_attempt.uses_own_slot:
        return CostCap(
            "caller",
            "The job is paid from the remaining reservation of the job that called it. Raise "
            "`limits.cost_usd` of that job.",
        )
    return CostCap(
        "wallet",
        "The wallet had no more available credit when the job started. Add credit, then run it again.",
    )


def _fix_of_job_limit(job_attempt: JobAttempt, skill: Skill) -> str:
    """Return how to raise the limit of the job itself: of its request, its skill, or the instance."""
    requested = job_attempt.limits.get("cost_usd")
    if requested is not None and usd_to_micros(requested) <= job_attempt.cap_micros:
        return f"Raise `limits.cost_usd` of the request or call that started the job, {_OR_CHEAPER}."
    if job_attempt.publisher_id is not None:
        return "The publisher of the listing sets this cap, in `limits.cost_usd` of its skill."
    ceiling_usd = job_ceilings.current().max_cost_usd
    if job_attempt.cap_micros >= usd_to_micros(ceiling_usd):
        return (
            "It is the ceiling of this instance. Ask the operator to raise PURAS_MAX_JOB_COST_USD, "
            f"{_OR_CHEAPER}."
        )
    if skill.limits.cost_usd is not None:
        return f"Raise `limits.cost_usd` in skill.yaml, {_OR_CHEAPER}."
    return f"It is the default of this instance. Set `limits.cost_usd` in skill.yaml, {_OR_CHEAPER}."
