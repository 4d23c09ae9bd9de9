"""Runs the check of a rail beside a job's own code: for what goes in, and for what a function gives."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from backend.skills.manifest.types import Rail
from workers.rails.checks import Check
from workers.runners import Assignment, Entrypoint, Outcome, Recorder
from workers.sandbox.house import House
from workers.sandbox.spec import spec_of
from workers.sandbox.stay import Guest, job_of, stay
from workers.sandbox.verdicts import Meter


def checks_of(house: House, assignment: Assignment, recorder: Recorder) -> Check:
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
            guest = Guest(own, job, limits.timeout_s, "The check took too long.", kind="rail")
            return await stay(house, spec, guest, meter=Meter(time.monotonic()), recorder=recorder)

    return check
