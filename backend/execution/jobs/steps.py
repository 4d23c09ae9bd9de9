"""One step of an agent as it was, whole: events tell long results and replies only in part."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from backend.core.errors import Missing
from backend.execution.jobs.queries import get_row
from backend.execution.journal.tables import JournalEntry
from backend.identity.auth.principal import Principal
from backend.marketplace.errors import ContentOwnedByPublisher


class StepNotFound(Missing):
    """The job has no such step, or has not reached it."""

    code = "step_not_found"
    message = (
        "Job {job_id!r} has no step {step}. Steps are the replies of an agent, from 1 on; the job says how many it "
        "has made in 'steps'."
    )
    job_id: UUID
    step: int


class _Answer(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class CallResult(_Answer):
    """What a call of a tool gave, as the agent was told it."""

    tool_use_id: str
    text: str
    """Its words; pictures and documents among them are told by their kind alone: `[image]`."""
    is_text: bool
    """Whether it is words alone."""
    ok: bool
    """False: it was told as an error."""


class StepRead(_Answer):
    """A reply of an agent, and the results of the calls that it asked for."""

    step: int
    blocks: list[dict[str, Any]] = Field(json_schema_extra={"items": {"type": "object"}})
    """Of the reply, as the model gave it: `text`, `tool_use`, `thinking`."""
    results: list[CallResult]
    """In the order of their calls; one that has not ended is not there."""


async def get_step(session: AsyncSession, principal: Principal, job_id: UUID, step: int) -> StepRead:
    """A step of a job of an agent.

    Raises:
        JobNotFound: there is no such job for the principal.
        ContentOwnedByPublisher: the job ran a listing of somebody else's.
        StepNotFound: it has no such step.
    """
    job = await get_row(session, principal, job_id)
    if job.publisher_id is not None:
        raise ContentOwnedByPublisher(job_id, job.listing)
    query = select(JournalEntry).where(col(JournalEntry.job_id) == job_id, col(JournalEntry.step) == step)
    entries = (await session.scalars(query.order_by(col(JournalEntry.place)))).all()
    reply = next((one for one in entries if one.kind == "reply"), None)
    if reply is None:
        raise StepNotFound(job_id, step)
    results = [_result(one.content) for one in entries if one.kind == "result"]
    return StepRead(step=step, blocks=reply.content["blocks"], results=results)


def _result(kept: dict[str, Any]) -> CallResult:
    content = kept["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return CallResult(
        tool_use_id=kept["tool_use_id"],
        text=" ".join(one["text"] if one.get("type") == "text" else f"[{one.get('type')}]" for one in blocks),
        is_text=all(one.get("type") == "text" for one in blocks),
        ok=kept["ok"],
    )
