"""Rails at the door: what of a job's inputs can be judged before there is a job, is, so that nothing of it is kept."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.events.append import EVENT_ROWS, NewEvent, as_rows
from backend.execution.events.guardrail_events import rail_events
from backend.skills.guardrails.errors import RailBlocked
from backend.skills.guardrails.evaluation import judge, rails_at
from backend.skills.manifest.types import Skill

_TELL = text(f"""
with job as (
  update jobs set event_seq = event_seq + :count where id = :job_id and project_id = :project_id returning event_seq
)
insert into job_events (job_id, seq, ts, type, payload)
select :job_id, job.event_seq - :count + e.n, e.ts, e.type, e.payload from job, {EVENT_ROWS}
""")  # noqa: S608 - the one interpolated value is a constant


class LetIn(NamedTuple):
    """Inputs that passed, and what is told of that."""

    inputs: dict[str, Any]
    events: list[NewEvent]


async def let_in(skill: Skill, inputs: dict[str, Any]) -> LetIn:
    """The inputs without what is redacted.

    Raises:
        RailBlocked: a rail does not let them pass, or leaves what does not fit the skill any more.
    """
    rails = [rail for rail in rails_at(skill.rails, "input") if rail.action != "approve"]
    if not rails:
        return LetIn(inputs, [])
    judgement = await judge(rails, inputs)
    if judgement.blocked is not None:
        raise RailBlocked(judgement.blocked.rail, "input")
    redacted = [one.rail for one in judgement.decided if one.action == "redact"]
    if redacted and skill.inputs.check(judgement.value).problems:
        raise RailBlocked(redacted[0], "input")
    told = [NewEvent(event) for event in rail_events(judgement.decided, "input")]
    return LetIn(judgement.value, told)


async def tell(session: AnySession, project_id: UUID, job_id: UUID, events: list[NewEvent]) -> None:
    """Note what the rails decided about the job that there is now."""
    if events:
        values = {"count": len(events), "events": as_rows(events)}
        await session.execute(_TELL, {**values, "job_id": job_id, "project_id": project_id})
        transactional.note(session, EVENTS_APPENDED, len(events))
