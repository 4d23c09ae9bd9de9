"""Apply the guardrails of a skill to the inputs of a job, and to what its function returns."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Final

from backend.execution.approvals.types import ApprovalRequest
from backend.execution.approvals.worker import Decision
from backend.execution.events.guardrail_events import rail_events
from backend.skills.guardrails.errors import message_of
from backend.skills.guardrails.evaluation import Judgement, rails_at
from backend.skills.manifest.types import Rail
from backend.skills.schemas.value_schemas import Checked
from workers.attempt.attempt import Attempt
from workers.attempt.start_conditions import read_decisions
from workers.attempt.types import Prepared
from workers.guardrails.checks import judged_with_checks
from workers.runners.deterministic import DeterministicRunner
from workers.sandbox.host.executions.execution import Execution, execute, job_of
from workers.sandbox.host.executions.outcome import Meter
from workers.sandbox.host.runtime import SandboxRuntime
from workers.sandbox.host.zygotes.spec import spec_of
from workers.sandbox.isolation.errors import SandboxUnavailable
from workers.types import Assignment, Entrypoint, Failure, Measured, Outcome, Postponed, Recorder, Success

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
        runtime = runner.runtime if isinstance(runner, DeterministicRunner) else None
        return cls(runtime, assignment, recorder)

    async def run(self, rail: Rail, arguments: dict[str, Any]) -> Outcome:
        """Run the function of a guardrail with these arguments.

        Raises:
            SandboxUnavailable: the worker has no sandbox.
        """
        runtime, recorder = self.runtime, self.recorder
        if runtime is None:
            raise SandboxUnavailable(
                f"This worker has no sandbox for the function of the guardrail {rail.name!r}."
            )
        runtime.demand()
        file, _, function = str(rail.entrypoint).rpartition(":")
        entry = Entrypoint(self.assignment.entrypoint.skill_dir, file, "")
        limits = replace(
            self.assignment.limits, timeout_s=min(rail.timeout_s, self.assignment.limits.timeout_s)
        )
        own_assignment = replace(self.assignment, limits=limits)
        async with runtime.assets.of(own_assignment, recorder) as environment:
            spec = spec_of(own_assignment, environment)
            spec = replace(
                spec,
                key=spec.key._replace(tools=f"rails {file}"),
                entrypoint=entry,
                declared_inputs=frozenset(),
            )
            job = replace(job_of(own_assignment, arguments), function=function, declared=())
            execution = Execution(
                own_assignment, job, limits.timeout_s, "The check took too long.", kind="rail"
            )
            return await execute(runtime, spec, execution, meter=Meter(time.monotonic()), recorder=recorder)


INPUT_POSITION: Final = (0, 0)
"""Step and position of the approval of a job's inputs: before the first reply."""


async def guard_inputs(
    attempt: Attempt, prepared: Prepared, recorder: Recorder
) -> Failure | Postponed | None:
    """Return why the job must not start now; None if its inputs pass.

    The submission has applied the guardrails that need neither a user nor a sandbox.
    """
    skill, assignment = prepared.skill, prepared.assignment
    rails = [rail for rail in rails_at(skill.rails, "input") if rail.entrypoint or rail.action == "approve"]
    if not rails:
        return None
    decided = None
    if any(rail.action == "approve" for rail in rails):
        found = await read_decisions(attempt.context.database, assignment.project_id, assignment.job_id)
        decided = found.get(INPUT_POSITION)
    checks = SandboxChecks.of(attempt, assignment, recorder)
    judgement = await judged_with_checks(rails, assignment.inputs, "input", checks)
    if decided is None or judgement.blocked:
        for event in rail_events(judgement.decided, "input"):
            recorder.record(event)
    return _stop_of(judgement, decided)


def _stop_of(judgement: Judgement, decided: Decision | None) -> Failure | Postponed | None:
    if judgement.blocked:
        return _blocked(judgement.blocked.rail)
    if not judgement.asks or (decided is not None and decided.status == "approved"):
        return None
    if decided is None:
        return Postponed("approval", approvals=(_approval_request(judgement),))
    if decided.status != "denied":
        return _blocked(judgement.asks[0].rail, " The approval expired.")
    reason = f": {decided.reason.rstrip('.')}" if decided.reason else ""
    return _blocked(judgement.asks[0].rail, f" A user rejected it{reason}.")


def _blocked(rail: Rail, why: str = "") -> Failure:
    return Failure(RAIL_BLOCKED, message_of(rail, "input") + why, Measured(0.0))


def _approval_request(judgement: Judgement) -> ApprovalRequest:
    """Return the request for approval; its reviewers read the inputs themselves in the job."""
    matched = {one.rail.name: one.matched for one in judgement.asks}
    return ApprovalRequest(*INPUT_POSITION, "rails", "input", {"on": "input", "rails": matched})


async def guard_outputs(
    attempt: Attempt, prepared: Prepared, outcome: Outcome | Postponed, recorder: Recorder
) -> Outcome | Postponed:
    """Return the outcome, redacted where the guardrails demand it, or a failure if they block it."""
    skill = prepared.skill
    rails = rails_at(skill.rails, "output")
    if skill.is_agentic or not rails or not isinstance(outcome, Success):
        return outcome
    checked = skill.output.check(outcome.value)
    if checked.problems:
        return outcome  # `validate` reports the problems, and nothing of the value is stored
    checks = SandboxChecks.of(attempt, prepared.assignment, recorder)
    judgement = await judged_with_checks(rails, checked.value, "output", checks)
    blocking = _blocking(skill.output.check(judgement.value), judgement)
    for event in rail_events(judgement.decided, "output"):
        recorder.record(event)
    if blocking is not None:
        return Failure(RAIL_BLOCKED, message_of(blocking, "output"), outcome.measured)
    return Success(judgement.value, outcome.measured)


def _blocking(redacted: Checked, judgement: Judgement) -> Rail | None:
    """Return the guardrail that blocks the value, or that has redacted it so that it does not match its schema."""
    if judgement.blocked is not None:
        return judgement.blocked.rail
    redacting = [one.rail for one in judgement.decided if one.action == "redact"]
    return redacting[0] if redacting and redacted.problems else None
