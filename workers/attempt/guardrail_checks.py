"""Run the functions of guardrails in a sandbox, for the inputs of a job and for what its function returned."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Final

from backend.skills.manifest.types import Rail
from workers.attempt.attempt import Attempt
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.execution import Execution, job_of, stay
from workers.sandbox.host.outcome import Meter
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.spec import spec_of
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.types import Assignment, Entrypoint, Outcome, Recorder

RAIL_BLOCKED: Final = "rail_blocked"
"""The code of a job that a guardrail has stopped."""


@dataclass(frozen=True, slots=True)
class SandboxChecks:
    """The checks of the skill of one assignment; what they print is recorded as that of the job."""

    runtime: SandboxRuntime | None
    assignment: Assignment
    recorder: Recorder

    @classmethod
    def of(cls, attempt: Attempt, assignment: Assignment, recorder: Recorder) -> SandboxChecks:
        """Return the checks in the sandbox of the worker's functions, if it has one."""
        runner = attempt.runners.get("deterministic")
        runtime = runner.house if isinstance(runner, DeterministicRunner) else None
        return cls(runtime, assignment, recorder)

    async def run(self, rail: Rail, given: dict[str, Any]) -> Outcome:
        """Run the function of a guardrail with these arguments.

        Raises:
            SandboxUnavailable: the worker has no sandbox.
        """
        runtime, recorder = self.runtime, self.recorder
        if runtime is None:
            raise SandboxUnavailable(f"This worker has no sandbox in which the rail {rail.name!r} could run.")
        runtime.demand()
        file, _, function = str(rail.entrypoint).rpartition(":")
        entry = Entrypoint(self.assignment.entrypoint.skill_dir, file, "")
        limits = replace(
            self.assignment.limits, timeout_s=min(rail.timeout_s, self.assignment.limits.timeout_s)
        )
        own = replace(self.assignment, limits=limits)
        async with runtime.supplies.of(own, recorder) as environment:
            spec = spec_of(own, environment)
            spec = replace(
                spec,
                key=spec.key._replace(tools=f"rails {file}"),
                entrypoint=entry,
                declared_inputs=frozenset(),
            )
            job = replace(job_of(own, given), function=function, declared=())
            execution = Execution(own, job, limits.timeout_s, "The check took too long.", kind="rail")
            return await stay(runtime, spec, execution, meter=Meter(time.monotonic()), recorder=recorder)
