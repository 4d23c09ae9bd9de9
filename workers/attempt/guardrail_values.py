"""What goes into a job and what comes out of a function, past the rails of its skill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from backend.execution.approvals.types import Wanted
from backend.execution.approvals.worker import Decision
from backend.skills.guardrails.errors import sentence_of
from backend.skills.guardrails.evaluation import Judgement, rails_at, told_by
from backend.skills.manifest.types import Rail, Skill
from backend.skills.schemas.value_schemas import Checked
from workers.guardrails.checks import Check, judged_with_checks
from workers.types import Failure, Measured, Outcome, Postponed, Recorder, Success

INPUT_PLACE: Final = (0, 0)
"""Of the approval of a job's inputs: before the first reply."""
CODE: Final = "rail_blocked"


async def let_in(
    skill: Skill,
    inputs: dict[str, Any],
    check: Check,
    recorder: Recorder,
    *,
    decisions: Mapping[tuple[int, int], Decision],
) -> Failure | Postponed | None:
    """Whether the job may begin; none: it may. What can be judged without a person or a sandbox was, at the submit."""
    rails = [rail for rail in rails_at(skill.rails, "input") if rail.entrypoint or rail.action == "approve"]
    if not rails:
        return None
    judgement = await judged_with_checks(rails, inputs, "input", check)
    decided = decisions.get(INPUT_PLACE)
    if decided is None or judgement.blocked:
        for facts in told_by(judgement.decided, "input"):
            recorder.record("rail", facts)
    if judgement.blocked:
        return Failure(CODE, sentence_of(judgement.blocked.rail, "input"), Measured(0.0))
    if not judgement.asks or (decided is not None and decided.status == "approved"):
        return None
    if decided is not None:
        why = f" A person refused it{f': {decided.reason}' if decided.reason else ''}."
        told = why if decided.status == "denied" else " Nobody agreed to it in time."
        return Failure(CODE, sentence_of(judgement.asks[0].rail, "input") + told, Measured(0.0))
    return Postponed("approval", wanted=(_wanted(judgement),))


def _wanted(judgement: Judgement) -> Wanted:
    """What a person is asked; the inputs themselves are the job's."""
    matched = {one.rail.name: one.matched for one in judgement.asks}
    return Wanted(*INPUT_PLACE, "rails", "input", {"on": "input", "rails": matched})


async def let_out(skill: Skill, outcome: Outcome, check: Check, recorder: Recorder) -> Outcome:
    """What of a function's result may be known; a failure where it may not."""
    rails = rails_at(skill.rails, "output")
    if not rails or isinstance(outcome, Failure):
        return outcome
    checked = skill.output.check(outcome.value)
    if checked.problems:
        return outcome  # that is told of it, and nothing of it is
    judgement = await judged_with_checks(rails, checked.value, "output", check)
    stop = _stopping(skill.output.check(judgement.value), judgement)
    for facts in told_by(judgement.decided, "output"):
        recorder.record("rail", facts)
    if stop is not None:
        return Failure(CODE, sentence_of(stop, "output"), outcome.measured)
    return Success(judgement.value, outcome.measured)


def _stopping(left: Checked, judgement: Judgement) -> Rail | None:
    """The rail that stops it: one that blocks, or one that left what does not fit any more."""
    if judgement.blocked is not None:
        return judgement.blocked.rail
    redacting = [one.rail for one in judgement.decided if one.action == "redact"]
    return redacting[0] if redacting and left.problems else None
