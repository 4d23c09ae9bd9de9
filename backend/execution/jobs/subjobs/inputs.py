"""Check the inputs and the prompt of a call before its job exists, as those of any other job."""

from __future__ import annotations

from typing import Any, NamedTuple

from backend.core.errors import Invalid
from backend.execution.events.append import NewEvent
from backend.execution.jobs import guardrails
from backend.execution.jobs.subjobs.target import Callee
from backend.execution.jobs.tables import Job


class CheckedCall(NamedTuple):
    """What the job of a call receives, and the events of the guardrails of its skill."""

    inputs: dict[str, Any]
    prompt: str | None
    events: list[NewEvent]


async def check(caller: Job, callee: Callee, inputs: dict[str, Any], prompt: str | None) -> CheckedCall:
    """Return the inputs and the prompt as the called skill and its guardrails permit them.

    Raises:
        Invalid: The inputs are not valid for the skill.
        RailBlocked: A guardrail blocks the inputs or the prompt.
    """
    checked = callee.skill.inputs.check(inputs)
    if checked.problems:
        first = checked.problems[0]
        raise Invalid(
            f"The inputs are not valid for the skill {callee.skill.name!r}: {first.path}: {first.message}",
            checked.problems,
        )
    guarded = await guardrails.check_inputs(callee.skill, checked.value)
    prompt, events = await guardrails.check_prompt(callee.skill, prompt)
    # The names of a publisher's guardrails are private to the publisher.
    recorded = [] if caller.publisher_id is not None else [*guarded.events, *events]
    return CheckedCall(guarded.inputs, prompt, recorded)
