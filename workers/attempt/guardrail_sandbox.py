"""Runs the check of a rail beside a job's own code: for what goes in, and for what a function gives."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from backend.skills.manifest.types import Rail
from workers.guardrails.checks import Check
from workers.sandbox.host.execution import Execution, job_of, stay
from workers.sandbox.host.outcome import Meter
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.spec import spec_of
from workers.types import Assignment, Entrypoint, Outcome, Recorder


def checks_of(house: SandboxRuntime, assignment: Assignment, recorder: Recorder) -> Check:
    """Runs the checks of the assignment's skill in this house; what they print is told as the job's."""

    async def check(rail: Rail, given: dict[str, Any]) -> Outcome:
        house.demand()
        file, _, function = str(rail.entrypoint).rpartition(":")
        entry = Entrypoint(assignment.entrypoint.skill_dir, file, "")
        limits = replace(assignment.limits, timeout_s=min(rail.timeout_s, assignment.limits.timeout_s))
        own = replace(assignment, limits=limits)
        async with house.supplies.of(own, recorder) as environment:
            spec = spec_of(own, environment)
            spec = replace(
                spec,
                key=spec.key._replace(tools=f"rails {file}"),
                entrypoint=entry,
                declared_inputs=frozenset(),
            )
            job = replace(job_of(own, given), function=function, declared=())
            guest = Execution(own, job, limits.timeout_s, "The check took too long.", kind="rail")
            return await stay(house, spec, guest, meter=Meter(time.monotonic()), recorder=recorder)

    return check
