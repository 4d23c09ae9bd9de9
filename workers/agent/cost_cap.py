"""Which limit decides what a job may cost, and how to raise it."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from backend.execution.jobs.claim import JobAttempt
from backend.money.pricing import usd_to_micros
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.types import Skill

Source = Literal["job_limit", "budget", "key_cap", "caller", "wallet"]

_OR_CHEAPER: Final = "or choose a cheaper model"


class CostCap(NamedTuple):
    """The limit that decides, and what to do about it."""

    source: Source
    fix: str
    """A sentence."""


JOB_LIMIT: Final = CostCap("job_limit", f"Raise `limits.cost_usd`, {_OR_CHEAPER}.")


def cost_cap_of(claimed: JobAttempt, skill: Skill) -> CostCap:
    """Return the limit that decided how much is reserved for a job."""
    if claimed.reserved_micros >= claimed.cap_micros:
        return CostCap("job_limit", _fix_of_job_limit(claimed, skill))
    if claimed.lowered_by is not None:
        return CostCap(claimed.lowered_by.kind, claimed.lowered_by.why_less())
    if claimed.parent_job_id is not None:
        return CostCap(
            "caller",
            "It is paid from what was left of the money of the job that called it: raise `limits.cost_usd` of that.",
        )
    return CostCap("wallet", "The wallet held no more when the job started: add credit, then run it again.")


def _fix_of_job_limit(claimed: JobAttempt, skill: Skill) -> str:
    """Return how to raise the limit of the job itself: of its request, its skill, or the instance."""
    asked = claimed.limits.get("cost_usd")
    if asked is not None and usd_to_micros(asked) <= claimed.cap_micros:
        return f"Raise `limits.cost_usd` of the request or call that started the job, {_OR_CHEAPER}."
    if claimed.publisher_id is not None:
        return "The publisher of the listing sets this cap, in `limits.cost_usd` of its skill."
    ceiling_usd = job_ceilings.current().max_cost_usd
    if claimed.cap_micros >= usd_to_micros(ceiling_usd):
        return f"It is the ceiling of this instance: ask the operator to raise PURAS_MAX_JOB_COST_USD, {_OR_CHEAPER}."
    if skill.limits.cost_usd is not None:
        return f"Raise `limits.cost_usd` in skill.yaml, {_OR_CHEAPER}."
    return f"It is the default of this instance: set `limits.cost_usd` in skill.yaml, {_OR_CHEAPER}."
