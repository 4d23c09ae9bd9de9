"""Runs a skill's function in a confined process of its own, forked from a warm parent that has imported it."""

from __future__ import annotations

import time

from backend.execution.events.types import FunctionStartEvent
from workers.sandbox.egress.proxy import Proxy
from workers.sandbox.host.assets import Supplies
from workers.sandbox.host.errors import EntrypointRefused, ParentLost
from workers.sandbox.host.events import announce_sandbox, record_refusal
from workers.sandbox.host.execution import Execution, job_of, stay
from workers.sandbox.host.outcome import Meter
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.spec import ParentSpec, spec_of
from workers.sandbox.host.zygote import Zygote
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.sandbox.isolation.layers import Mode
from workers.sandbox.packages.errors import EnvironmentFailed, RequirementsRefused
from workers.types import Assignment, Failure, Outcome, Recorder


class DeterministicRunner:
    """The runner of skills whose entrypoint is a Python function; one process per job, always."""

    def __init__(self, house: SandboxRuntime) -> None:
        self.house = house
        """Closed with the runner; whoever runs other code of tenants here shares it."""

    @property
    def mode(self) -> Mode:
        """How much of a sandbox the next jobs are held to."""
        return self.house.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self.house.mode = mode

    @property
    def proxy(self) -> Proxy:
        """Its jobs' way to the internet."""
        return self.house.proxy

    @property
    def supplies(self) -> Supplies:
        """The bundles and environments of its jobs."""
        return self.house.supplies

    @property
    def layers(self) -> list[str]:
        """The layers of the sandbox on this machine, in words."""
        return self.house.names

    @property
    def is_closed(self) -> bool:
        """Whether its sandbox is all that `strict` asks for."""
        return self.house.layers.closed

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome:
        """Run one attempt to its end. Never raises for what the skill does; cancelling the task ends the job."""
        meter = Meter(time.monotonic())
        try:
            self.house.demand()
            async with self.supplies.of(assignment, recorder) as environment:
                return await self._run(meter, assignment, spec_of(assignment, environment), recorder)
        except EntrypointRefused as refusal:
            record_refusal(refusal, recorder)
            return Failure(refusal.code, refusal.detail, meter.read())
        except (SandboxUnavailable, EnvironmentFailed, RequirementsRefused, ParentLost) as error:
            return Failure(error.code, error.detail, meter.read())

    def measure(self) -> None:
        """Set the gauges of the processes that this runner keeps."""
        self.house.pool.measure()

    async def prewarm(self, assignment: Assignment, recorder: Recorder) -> None:
        """Have the warm parent of such assignments ready before the first comes.

        Raises:
            PurasError: it cannot be had; the next run says so too.
        """
        async with (
            self.supplies.of(assignment, recorder) as environment,
            self.house.pool.parent(spec_of(assignment, environment)),
        ):
            return

    async def close(self) -> None:
        """End every process that the runner still has."""
        await self.house.close()

    async def _run(
        self, meter: Meter, assignment: Assignment, spec: ParentSpec, recorder: Recorder
    ) -> Outcome:
        timeout_s = assignment.limits.timeout_s
        guest = Execution(
            assignment,
            job_of(assignment, assignment.inputs),
            timeout_s,
            f"The function ran longer than its limit of {timeout_s:g} s: make it faster, give it less, or raise "
            "`timeout_s` in skill.yaml.",
            announce=lambda parent: self._announce(parent, assignment, recorder),
        )
        return await stay(self.house, spec, guest, meter=meter, recorder=recorder)

    def _announce(self, parent: Zygote, assignment: Assignment, recorder: Recorder) -> None:
        entry = assignment.entrypoint
        announce_sandbox(self.house, assignment, recorder, cold_reason=parent.cold_reason)
        start = FunctionStartEvent(name=assignment.skill_name, module=entry.file, func=entry.function)
        recorder.record(start)
