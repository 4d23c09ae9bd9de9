"""Run an attempt of a flow in the worker: it starts jobs and evaluates expressions, but runs no code of a tenant."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from typing import Final

from backend.context import AppContext
from backend.execution.flows.children import FlowNotRunning
from backend.execution.flows.service import RunningFlow, advance_stored
from backend.money.pricing import PriceList
from backend.skills.flows.types import Flow
from backend.skills.manifest.types import Skill
from workers.db_retry import DatabaseRetry
from workers.drives.errors import AttemptLost
from workers.types import Assignment, Failure, Measured, Outcome, Postponed, Recorder, Success

WAITING: Final = "steps"
"""The reason of a flow that waits for its steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowAssignment(Assignment):
    """One attempt of a flow."""

    flow: Flow
    is_trial: bool


def for_flow(assignment: Assignment, skill: Skill) -> FlowAssignment:
    """Return the assignment of a flow, based on that of its job."""
    shared = {one.name: getattr(assignment, one.name) for one in fields(Assignment)}
    return FlowAssignment(**shared, flow=Flow.model_validate(skill.flow), is_trial=skill.is_trial)


class FlowRunner:
    """The runner of flows."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome | Postponed:
        """Advance the flow as far as it can. It then has ended, or waits for its steps."""
        if not isinstance(assignment, FlowAssignment):
            raise TypeError("a flow needs a FlowAssignment")
        started = time.monotonic()
        running = RunningFlow(
            flow=assignment.flow,
            job_id=assignment.job_id,
            project_id=assignment.project_id,
            environment=assignment.environment,
            attempt=assignment.attempt,
            skill_name=assignment.skill_name,
            inputs=assignment.inputs,
            approval_timeout_s=self._context.settings.approval_timeout_s,
            is_trial=assignment.is_trial,
        )
        prices = PriceList.of(self._context.settings)
        retry = DatabaseRetry("flow not advanced yet", job_id=str(assignment.job_id))
        try:
            while True:
                async with retry:
                    plan = await advance_stored(self._context.database, prices, running)
                    break
        except FlowNotRunning as error:
            raise AttemptLost from error
        measured = Measured(time.monotonic() - started, has_simulated_steps=plan.has_simulated_steps)
        if not plan.has_ended:
            return Postponed(WAITING, is_flow_waiting=True)
        if plan.failure is not None:
            return Failure(plan.failure.code, plan.failure.message, measured)
        return Success(plan.output, measured)

    async def close(self) -> None:
        """Do nothing: flows have no processes."""
