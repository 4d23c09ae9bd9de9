"""Validate a request for a job against the skill, and report all problems together."""

from __future__ import annotations

import json
from typing import Any, Final

from backend.core.errors import Invalid, Problem
from backend.core.schemas import unstorable
from backend.execution.jobs.schemas import JobCreate
from backend.identity.limits.errors import LimitAboveCeiling
from backend.skills.job_limits import JobLimits
from backend.skills.manifest import job_ceilings
from backend.skills.manifest.types import Skill
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.recordings import recorded_job

MAX_METADATA_BYTES: Final = 16_384


def checked_inputs(skill: Skill, request: JobCreate) -> dict[str, Any]:
    """Return the inputs with the defaults of the skill filled in.

    Raises:
        Invalid: The request is not valid for the skill; contains all problems.
    """
    checked = skill.inputs.check(request.inputs)
    problems = list(checked.problems)
    metadata = json.dumps(request.metadata)
    if len(metadata) > MAX_METADATA_BYTES:
        problems.append(
            Problem(
                "metadata",
                f"This has more than {MAX_METADATA_BYTES:,} bytes. Store it elsewhere, and send its ID "
                "instead.",
            )
        )
    flaw = unstorable(request.metadata)
    if flaw is not None:
        problems.append(Problem("metadata", f"{flaw}, which cannot be stored. Remove it."))
    problems += _problems_of_model(skill, request.model)
    if problems:
        first = problems[0]
        raise Invalid(
            f"The job is not valid for the skill {skill.name!r}: {first.path}: {first.message}", problems
        )
    inputs: dict[str, Any] = checked.value
    return inputs


def check_limits(skill: Skill, limits: JobLimits, *, price_micros: int = 0) -> None:
    """Reject limits above those of the skill.

    Args:
        skill: The skill of the job.
        limits: The limits of the request.
        price_micros: Price of the listing, which `cost_usd` includes.

    Raises:
        LimitAboveCeiling: A limit is too high; contains all such limits.
    """
    over = job_ceilings.exceeded(limits.model_dump(), skill, price_usd=price_micros / 1e6)
    if over:
        raise LimitAboveCeiling([Problem(f"limits.{one.name}", one.message) for one in over])


def _problems_of_model(skill: Skill, model: str | None) -> list[Problem]:
    if model is None:
        return []
    if not skill.is_agentic:
        return [Problem("model", f"This is only for agents, and {skill.name!r} is a function. Omit it.")]
    if recorded_job(model) is not None:
        return []  # `access.recordings.check` looks the job up
    problem = catalog.current().problem(model)
    return [] if problem is None else [Problem("model", problem)]
