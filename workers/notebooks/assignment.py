"""An assignment for the kernel of a notebook."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field, fields
from typing import Any

from backend.skills.manifest.types import Skill
from backend.skills.bundles.requirements import FILE as REQUIREMENTS
from backend.execution.jobs.claim import JobAttempt
from backend.money.pricing import PriceList
from workers.types import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelAssignment(Assignment):
    """One kernel, from its start to its end."""

    skill: Skill
    leaving: asyncio.Event = field(repr=False)
    """Set when this worker leaves: the kernel ends, and says so."""
    paid_s: float
    """So many seconds of it can be paid from what is held for it."""


def for_kernel(
    assignment: Assignment,
    claimed: JobAttempt,
    prices: PriceList,
    *,
    skill: Skill,
    leaving: asyncio.Event,
) -> KernelAssignment:
    """The assignment with what a kernel needs beside it: also the packages of the working copy's top requirements.txt."""
    shared: dict[str, Any] = {one.name: getattr(assignment, one.name) for one in fields(Assignment)}
    asked = assignment.bundle_dir / REQUIREMENTS
    shared["requirements"] = asked if asked.is_file() else None
    a_second = prices.compute_micros_per_second
    paid_s = claimed.reserved_micros / a_second if a_second else math.inf
    return KernelAssignment(**shared, skill=skill, leaving=leaving, paid_s=paid_s)
