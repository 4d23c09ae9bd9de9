"""Read one step of an agent in full. Events contain long results and replies only in part."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from backend.core.attribute_docstrings import Schema
from backend.core.errors import Missing
from backend.execution.jobs.queries import get_row
from backend.execution.journal.tables import JournalEntry
from backend.identity.auth.principal import Principal
from backend.marketplace.errors import ContentOwnedByPublisher


class StepNotFound(Missing):
    """The job has no such step, or has not reached it."""

    code = "step_not_found"
    message = (
        "Job {job_id!r} has no step {step}. Steps are the replies of an agent, from 1 on; the field 'steps' "
        "of the job has their number."
    )
    job_id: UUID
    step: int


class CallResult(Schema):
    """The result of a call, as the agent received it."""

    tool_use_id: str
    text: str
    """The text. Images and documents are replaced by their type: `[image]`."""
    is_text: bool
    """Whether the result contains nothing but text."""
    ok: bool
    """False: the agent received an error."""


class StepRead(Schema):
    """A reply of an agent, and the results of the calls that it requests."""

    step: int
    blocks: list[dict[str, Any]] = Field(json_schema_extra={"items": {"type": "object"}})
    """Blocks of the reply, as the model returned them: `text`, `tool_use`, `thinking`."""
    results: list[CallResult]
    """Results in the order of the calls. A call that has not ended has none."""


async def get_step(session: AsyncSession, principal: Principal, job_id: UUID, step: int) -> StepRead:
    """Return a step of an agent's job.

    Raises:
        JobNotFound: The principal can see no such job.
        ContentIsThePublishers: The job runs a listing of another project.
        StepNotFound: The job has no such step.
    """
    job = await get_row(session, principal, job_id)
    if job.publisher_id is not None:
        raise ContentOwnedByPublisher(job_id, job.listing)
    query = select(JournalEntry).where(col(JournalEntry.job_id) == job_id, col(JournalEntry.step) == step)
    entries = (await session.scalars(query.order_by(col(JournalEntry.place)))).all()
    reply = next((entry for entry in entries if entry.kind == "reply"), None)
    if reply is None:
        raise StepNotFound(job_id, step)
    results = [_result(entry.content) for entry in entries if entry.kind == "result"]
    return StepRead(step=step, blocks=reply.content["blocks"], results=results)


def _result(content_of_entry: dict[str, Any]) -> CallResult:
    content = content_of_entry["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
    return CallResult(
        tool_use_id=content_of_entry["tool_use_id"],
        text=" ".join(
            entry["text"] if entry.get("type") == "text" else f"[{entry.get('type')}]" for entry in blocks
        ),
        is_text=all(entry.get("type") == "text" for entry in blocks),
        ok=content_of_entry["ok"],
    )
