"""Grade a result with the graders of its skill."""

from __future__ import annotations

from dataclasses import replace

from backend.execution.events.types import EvalsEvent
from backend.execution.jobs.attempts.finish import AttemptResult
from workers.attempt.attempt import Attempt
from workers.attempt.grading.types import Graded
from workers.attempt.types import Prepared
from workers.types import Postponed


async def grade(
    attempt: Attempt, prepared: Prepared, result: AttemptResult | Postponed
) -> AttemptResult | Postponed:
    """Return a result with the verdicts of the skill's graders; they grade results of runs that succeeded.

    Raises:
        AttemptLost: the attempt is not the running one any more.
    """
    if attempt.graders is None or not prepared.skill.evals:
        return result
    if isinstance(result, Postponed) or result.status != "succeeded":
        return result
    if prepared.skill.output.check(result.result).problems:  # a text that ended a turn of a conversation
        return result
    if (
        attempt.job_attempt.publisher_id is not None
    ):  # the publisher wrote the graders: verdicts would reveal them
        return result
    run = Graded(prepared, attempt.job_attempt, result.result, attempt.journal, attempt.recorder)
    scored = await attempt.graders.grade(run)
    fields = attempt.recorder.scrubber.scrub(scored.as_dict())
    attempt.recorder.record(EvalsEvent(score=fields["score"], graders=fields["graders"]))
    return replace(result, evals=fields)
