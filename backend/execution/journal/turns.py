"""Store the conversation that a job of an agent continues: earlier messages, and context from the calling application.

The conversation is the first entry of the job's journal, which the worker completes with the prompt of the skill when
the run starts. Later attempts, forks and replays read it from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Self
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.core.errors import Invalid, Problem
from backend.core.schemas import unstorable
from backend.execution.events.append import NewEvent
from backend.execution.events.guardrail_events import rail_events
from backend.execution.journal import service as journal
from backend.execution.journal.service import OPENING_STEP, Entry
from backend.skills.guardrails.errors import RailBlocked
from backend.skills.guardrails.evaluation import judge, rails_at
from backend.skills.manifest.types import Skill

KEY: Final = "turn"
"""The key of the conversation in the first entry of a journal."""
_REWRITTEN: Final = ["system", "messages"]
_STORED: Final = text("""
select e.content -> :key from journal_entries e join jobs j on j.id = e.job_id
where j.project_id = :project_id and j.id = :job_id and e.step = :step and e.place = 0
""")


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn of a conversation with an agent. The inputs of the job are the last message of its user."""

    earlier: tuple[dict[str, Any], ...] = ()
    """The messages before, in order: `{"role": "user", "inputs": {…}, "message": …}` or `{"role": "assistant", "text":
    …, "steps": [{"text": …, "calls": [{"id", "name", "input", "result", "ok"}]}]}`. `steps` are the calls of tools
    before the text."""
    context: tuple[str, ...] = ()
    """What the calling application states about the conversation. It is data, like the inputs."""
    accepts_text: bool = False
    """Whether a reply of text ends the turn, even if the skill's `output_schema` describes another result."""

    message: str = ""
    """The text of this turn that no input is for."""
    session: tuple[str, int] | None = None
    """ID of the session, and the number of this turn, while the turns before it may not have ended. The worker that
    starts the run replaces it by `earlier`."""
    trusts_replies: bool = True
    """False: the caller is a browser, whose user could write replies of the agent. The model receives them as data."""

    @property
    def is_conversation(self) -> bool:
        """Whether the job continues a conversation, or its user can respond to its result with another turn."""
        return bool(self.earlier or self.context or self.accepts_text)

    @classmethod
    def of(cls, stored: dict[str, Any] | None) -> Self:
        """Return the conversation in an entry of a journal; an empty one if it has none."""
        found = (stored or {}).get(KEY) or {}
        session = found.get("session")
        return cls(
            tuple(found.get("earlier", ())),
            tuple(found.get("context", ())),
            bool(found.get("accepts_text", False)),
            str(found.get("message", "")),
            None if session is None else (str(session[0]), int(session[1])),
            bool(found.get("trusts_replies", True)),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the conversation as JSON."""
        return {
            "earlier": list(self.earlier),
            "context": list(self.context),
            "accepts_text": self.accepts_text,
            **({"message": self.message} if self.message else {}),
            **({"session": list(self.session)} if self.session else {}),
            "trusts_replies": self.trusts_replies,
        }


async def store(session: AnySession, job_id: UUID, turn: Turn) -> None:
    """Store the conversation of a job that is not claimed yet."""
    # As for a fork, a worker generates the system prompt and the messages when the run starts.
    content = {"system": "", "messages": [], "rewritten": _REWRITTEN, "anew": _REWRITTEN, KEY: turn.as_dict()}
    await journal.copy_entries(session, job_id, [Entry(OPENING_STEP, 0, "started", content)])


async def of_job(session: AnySession, project_id: UUID, job_id: UUID) -> Turn | None:
    """Return the conversation of a job, if it has one."""
    values = {"key": KEY, "project_id": project_id, "job_id": job_id, "step": OPENING_STEP}
    found = (await session.execute(_STORED, values)).scalar_one_or_none()
    return None if found is None else Turn.of({KEY: found})


async def guarded(skill: Skill, turn: Turn) -> tuple[Turn, list[NewEvent]]:
    """Return the conversation as the input guardrails of the skill permit it, and the events of their decisions.

    Guardrails with a schema or a function examine the inputs as a whole, and approvals show inputs only. A skill that
    has one accepts no conversation, so that no text reaches its model unexamined.

    Raises:
        RailBlocked: A guardrail blocks the conversation, or cannot examine it.
        Invalid: A text in it cannot be stored.
    """
    flaw = unstorable(turn.as_dict())
    if flaw is not None:
        raise Invalid(f"{flaw}, which cannot be stored. Remove it.", [Problem("messages", flaw)])
    rails = rails_at(skill.rails, "input")
    if not rails or not (turn.earlier or turn.context or turn.message):
        return turn, []
    for rail in rails:
        if rail.entrypoint or rail.expected_schema is not None or rail.action == "approve":
            raise RailBlocked(rail, "input")
    contents = [one["inputs"] if one["role"] == "user" else one["text"] for one in turn.earlier]
    judgement = await judge(rails, [*contents, *turn.context, turn.message])
    if judgement.blocked is not None:
        raise RailBlocked(judgement.blocked.rail, "input")
    left = iter(judgement.value)
    earlier = tuple(
        {**one, "inputs" if one["role"] == "user" else "text": content}
        for one, content in zip(turn.earlier, left, strict=False)
    )
    events = [NewEvent(event) for event in rail_events(judgement.decided, "input")]
    *context, message = judgement.value[len(earlier) :]
    return replace(turn, earlier=earlier, context=tuple(context), message=message), events
