"""Apply input guardrails before a job exists, so that nothing that they block or redact is stored."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.events.append import EVENT_COLUMNS, EVENT_ROWS, EVENT_VALUES, NewEvent, as_rows
from backend.execution.events.guardrail_events import rail_events
from backend.skills.guardrails.errors import RailBlocked
from backend.skills.guardrails.evaluation import judge, rails_at
from backend.skills.manifest.types import Rail, Skill

_APPEND = text(f"""
with job as (
  update jobs set event_seq = event_seq + :count where id = :job_id and project_id = :project_id returning event_seq
)
insert into job_events (job_id, seq, {EVENT_COLUMNS})
select :job_id, job.event_seq - :count + e.n, {EVENT_VALUES} from job, {EVENT_ROWS}
""")  # noqa: S608 - interpolated values are constants


class CheckedInputs(NamedTuple):
    """Inputs that passed the guardrails, and the events of the decisions."""

    inputs: dict[str, Any]
    events: list[NewEvent]


async def check_inputs(skill: Skill, inputs: dict[str, Any]) -> CheckedInputs:
    """Apply the input guardrails of a skill and return the redacted inputs.

    Raises:
        RailBlocked: A guardrail blocks the inputs, or the redacted inputs are not valid for the skill any more.
    """
    rails = _rails(skill)
    if not rails:
        return CheckedInputs(inputs, [])
    judgement = await judge(rails, inputs)
    if judgement.blocked is not None:
        raise RailBlocked(judgement.blocked.rail, "input")
    redacted = [decision.rail for decision in judgement.decided if decision.action == "redact"]
    if redacted and skill.inputs.check(judgement.value).problems:
        raise RailBlocked(redacted[0], "input")
    events_of_decisions = [NewEvent(event) for event in rail_events(judgement.decided, "input")]
    return CheckedInputs(judgement.value, events_of_decisions)


async def check_prompt(skill: Skill, prompt: str | None) -> tuple[str | None, list[NewEvent]]:
    """Apply the input guardrails of the skill that an agent is derived from to its prompt; return the redacted prompt.

    Raises:
        RailBlocked: A guardrail blocks the prompt.
    """
    rails = [] if prompt is None else _rails(skill)
    if not rails:
        return prompt, []
    judgement = await judge(rails, prompt)
    if judgement.blocked is not None:
        raise RailBlocked(judgement.blocked.rail, "input")
    return judgement.value, [NewEvent(event) for event in rail_events(judgement.decided, "input")]


def _rails(skill: Skill) -> list[Rail]:
    """Return the guardrails to apply before a job exists: an approval follows in a worker."""
    return [rail for rail in rails_at(skill.rails, "input") if rail.action != "approve"]


async def record_decisions(
    session: AnySession, project_id: UUID, job_id: UUID, events: list[NewEvent]
) -> None:
    """Append the events of the decisions to the new job."""
    if events:
        values = {"count": len(events), "events": as_rows(events)}
        await session.execute(_APPEND, {**values, "job_id": job_id, "project_id": project_id})
        transactional.note(session, EVENTS_APPENDED, len(events))
