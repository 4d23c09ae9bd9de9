"""Check the inputs of a job with the guardrails of its skill, before the job starts."""

from __future__ import annotations

from typing import Final

from backend.execution.approvals.types import Wanted
from backend.execution.approvals.worker import Decision
from backend.execution.events.guardrail_events import rail_events
from backend.skills.guardrails.errors import sentence_of
from backend.skills.guardrails.evaluation import Judgement, rails_at
from backend.skills.manifest.types import Rail
from workers.attempt.attempt import Attempt
from workers.attempt.guardrail_checks import RAIL_BLOCKED, SandboxChecks
from workers.attempt.start_approval import read_decisions
from workers.attempt.types import Prepared
from workers.guardrails.checks import judged_with_checks
from workers.types import Failure, Measured, Postponed, Recorder

INPUT_PLACE: Final = (0, 0)
"""Step and place of the approval of a job's inputs: before the first reply."""


async def guard_inputs(
    attempt: Attempt, prepared: Prepared, recorder: Recorder
) -> Failure | Postponed | None:
    """Return why the job must not start now; None if its inputs pass.

    The submit has applied the guardrails that need neither a user nor a sandbox.
    """
    skill, assignment = prepared.skill, prepared.assignment
    rails = [rail for rail in rails_at(skill.rails, "input") if rail.entrypoint or rail.action == "approve"]
    if not rails:
        return None
    decided = None
    if any(rail.action == "approve" for rail in rails):
        found = await read_decisions(attempt.context.database, assignment.project_id, assignment.job_id)
        decided = found.get(INPUT_PLACE)
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
        return Postponed("approval", wanted=(_wanted(judgement),))
    if decided.status != "denied":
        return _blocked(judgement.asks[0].rail, " Nobody agreed to it in time.")
    reason = f": {decided.reason}" if decided.reason else ""
    return _blocked(judgement.asks[0].rail, f" A person refused it{reason}.")


def _blocked(rail: Rail, why: str = "") -> Failure:
    return Failure(RAIL_BLOCKED, sentence_of(rail, "input") + why, Measured(0.0))


def _wanted(judgement: Judgement) -> Wanted:
    """Return the request for approval; its reviewers read the inputs themselves in the job."""
    matched = {one.rail.name: one.matched for one in judgement.asks}
    return Wanted(*INPUT_PLACE, "rails", "input", {"on": "input", "rails": matched})
