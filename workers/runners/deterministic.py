"""Run the function of a skill in a sandbox, in a process that a zygote forks."""

from __future__ import annotations

import time

from backend.execution.events.types import FunctionStartEvent
from workers import phases
from workers.sandbox.egress.proxy import Proxy
from workers.sandbox.host.assets import Assets
from workers.sandbox.host.executions.execution import (
    Execution,
    announce_sandbox,
    execute,
    job_of,
    record_refusal,
)
from workers.sandbox.host.executions.outcome import SUSPENDED, Meter
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.zygotes.errors import EntrypointRefused, ZygoteLost
from workers.sandbox.host.zygotes.spec import ZygoteSpec, spec_of
from workers.sandbox.host.zygotes.zygote import Zygote
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.sandbox.isolation.layers import Mode
from workers.sandbox.packages.errors import EnvironmentFailed, RequirementsRefused
from workers.types import Assignment, Failure, Outcome, Postponed, Recorder


class DeterministicRunner:
    """The runner of skills whose entrypoint is a Python function; one process per job, always."""

    def __init__(self, runtime: SandboxRuntime) -> None:
        self.runtime = runtime
        """The sandbox runtime, which other runners share; closed with this runner."""

    @property
    def mode(self) -> Mode:
        """The sandbox mode of the next jobs."""
        return self.runtime.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self.runtime.mode = mode

    @property
    def proxy(self) -> Proxy:
        """The egress proxy of its jobs."""
        return self.runtime.proxy

    @property
    def assets(self) -> Assets:
        """The bundles and environments of its jobs."""
        return self.runtime.assets

    @property
    def layers(self) -> list[str]:
        """The names of the sandbox layers of this host."""
        return self.runtime.names

    @property
    def is_closed(self) -> bool:
        """Whether its sandbox has all layers that `strict` requires."""
        return self.runtime.layers.closed

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome | Postponed:
        """Run one attempt to its end. Errors of the skill raise nothing; cancelling the task ends the job."""
        handler = assignment.requests
        if handler is None:
            return await self._run_to_end(assignment, recorder)
        try:
            outcome = await self._run_to_end(assignment, recorder)
        finally:
            await handler.close()
        is_suspended = isinstance(outcome, Failure) and outcome.code == SUSPENDED
        return handler.suspension or outcome if is_suspended else outcome

    async def _run_to_end(self, assignment: Assignment, recorder: Recorder) -> Outcome:
        meter = Meter(time.monotonic())
        try:
            self.runtime.demand()
            async with self.assets.of(assignment, recorder) as environment:
                return await self._run(meter, assignment, spec_of(assignment, environment), recorder)
        except EntrypointRefused as refusal:
            record_refusal(refusal, recorder)
            return Failure(refusal.code, refusal.detail, meter.read())
        except (SandboxUnavailable, EnvironmentFailed, RequirementsRefused, ZygoteLost) as error:
            return Failure(error.code, error.detail, meter.read())

    def measure(self) -> None:
        """Set the gauges of the zygotes."""
        self.runtime.pool.measure()

    async def close(self) -> None:
        """End all processes of the runner."""
        await self.runtime.close()

    async def _run(
        self, meter: Meter, assignment: Assignment, spec: ZygoteSpec, recorder: Recorder
    ) -> Outcome:
        timeout_s = assignment.limits.timeout_s
        execution = Execution(
            assignment,
            job_of(assignment, assignment.inputs),
            timeout_s,
            f"The function ran longer than its limit of {timeout_s:g} s. Reduce its work, or raise "
            "`timeout_s` in skill.yaml.",
            announce=lambda zygote: self._announce(zygote, assignment, recorder),
        )
        return await execute(self.runtime, spec, execution, meter=meter, recorder=recorder)

    def _announce(self, zygote: Zygote, assignment: Assignment, recorder: Recorder) -> None:
        entry = assignment.entrypoint
        announce_sandbox(self.runtime, assignment, recorder, cold_reason=zygote.cold_reason)
        start = FunctionStartEvent(
            name=assignment.skill_name, module=entry.file, func=entry.function, phases=phases.take()
        )
        recorder.record(start)
