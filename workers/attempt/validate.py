"""Validate the result of a run against the output schema of its skill."""

from __future__ import annotations

from backend.skills.manifest.types import Skill
from workers.types import Failure, Outcome, Postponed, Success


def validate(skill: Skill, outcome: Outcome | Postponed) -> Outcome | Postponed:
    """Return the outcome with its value as the schema reads it, or a failure if the value does not match.

    A text that ends a turn of a conversation is no result, so it need not match.
    """
    if not isinstance(outcome, Success):
        return outcome
    checked = skill.output.check(outcome.value)
    if not checked.problems:
        return Success(checked.value, outcome.measured)
    if outcome.accepts_text and isinstance(outcome.value, str):
        return outcome
    first = checked.problems[0]
    message = f"The result is not valid for the skill's output_schema: {first.path}: {first.message}"
    return Failure("bad_output", message, outcome.measured)
