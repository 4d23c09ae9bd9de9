"""Apply the guardrails of a skill to what its function returned; agents apply theirs in their loop."""

from __future__ import annotations

from backend.execution.events.guardrail_events import rail_events
from backend.skills.guardrails.errors import sentence_of
from backend.skills.guardrails.evaluation import Judgement, rails_at
from backend.skills.manifest.types import Rail
from backend.skills.schemas.value_schemas import Checked
from workers.attempt.attempt import Attempt
from workers.attempt.guardrail_checks import RAIL_BLOCKED, SandboxChecks
from workers.attempt.types import Prepared
from workers.guardrails.checks import judged_with_checks
from workers.types import Failure, Outcome, Postponed, Recorder, Success


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
        return Failure(RAIL_BLOCKED, sentence_of(blocking, "output"), outcome.measured)
    return Success(judgement.value, outcome.measured)


def _blocking(redacted: Checked, judgement: Judgement) -> Rail | None:
    """Return the guardrail that blocks the value, or that has redacted it so that it does not match its schema."""
    if judgement.blocked is not None:
        return judgement.blocked.rail
    redacting = [one.rail for one in judgement.decided if one.action == "redact"]
    return redacting[0] if redacting and redacted.problems else None
