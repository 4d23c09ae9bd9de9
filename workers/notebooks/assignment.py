"""Create the assignment for the kernel of a notebook."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, fields
from typing import Any

from backend.execution.jobs.attempts.claim import JobAttempt
from backend.money.pricing import PriceList
from backend.skills.bundles.requirements import FILE as REQUIREMENTS
from backend.skills.manifest.types import Skill
from workers.types import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelAssignment(Assignment):
    """One kernel, from its start to its end."""

    skill: Skill
    leaving: asyncio.Event = field(repr=False)
    """Set when this worker drains: the kernel ends and reports it."""
    paid_s: float
    """The seconds that its reservation can pay for."""


def for_kernel(
    assignment: Assignment,
    job_attempt: JobAttempt,
    prices: PriceList,
    *,
    skill: Skill,
    leaving: asyncio.Event,
) -> KernelAssignment:
    """Return the assignment of a kernel, with the packages of the draft's top-level requirements.txt."""
    shared: dict[str, Any] = {one.name: getattr(assignment, one.name) for one in fields(Assignment)}
    requirements_file = assignment.bundle_dir / REQUIREMENTS
    shared["requirements"] = requirements_file if requirements_file.is_file() else None
    micros_per_second = prices.compute_micros_per_second
    paid_s = job_attempt.reserved_micros / micros_per_second if micros_per_second else math.inf
    return KernelAssignment(**shared, skill=skill, leaving=leaving, paid_s=paid_s)
