"""Read a model call of an agent: the exact request, and the reply."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from backend.core.errors import Missing
from backend.core.vault.vault import Vault
from backend.data.secrets import service as secrets
from backend.data.secrets.scrub import Scrubber
from backend.execution.events.tables import JobEventRow
from backend.execution.jobs.queries import get_row
from backend.execution.jobs.tables import Job
from backend.execution.journal.service import Entry
from backend.execution.journal.tables import JournalEntry
from backend.execution.model_calls.cutting import Cutter
from backend.execution.model_calls.requests import ModelRequest, request_of
from backend.execution.model_calls.schemas import ModelCallRead, ModelReply
from backend.identity.auth.principal import Principal
from backend.marketplace.errors import ContentOwnedByPublisher
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.guardrails.records import Hidden, hidden_in_records

WITHHELD: Final = "[withheld]"
_GUARDED: Final = (
    "Guardrails of the skill redact or withhold parts of it here and in the events, not in the request."
)
_KINDS: Final = ("opening", "reply", "result", "note")


class ModelCallNotFound(Missing):
    """The job has no such model call."""

    code = "model_call_not_found"
    message = (
        "Job {job_id!r} has no model call {step}. Model calls are numbered like the steps of an agent, from 1 on; "
        "functions and flows have none, the jobs of their steps may."
    )
    job_id: UUID
    step: int


class Slice(NamedTuple):
    """The messages of a call that are returned."""

    before: int | None
    """The position after the last one; None: the end of the conversation."""
    limit: int


async def get_model_call(
    session: AsyncSession, principal: Principal, job_id: UUID, step: int, *, vault: Vault, part: Slice
) -> ModelCallRead:
    """Return a model call with a part of its messages, and with long texts cut.

    Raises:
        JobNotFound: The principal can see no such job.
        ContentOwnedByPublisher: The job runs a listing of another project.
        ModelCallNotFound: The job has no such model call.
    """
    whole = await read_whole(session, principal, job_id, step, vault=vault)
    end = whole.message_count if part.before is None else min(part.before, whole.message_count)
    start = max(0, end - part.limit)
    cutter = Cutter()
    cut: dict[str, Any] = {
        "system": cutter.text(whole.system),
        "messages": cutter.value(whole.messages[start:end]),
        "first_message": start,
        "reply": whole.reply and whole.reply.model_copy(update={"blocks": cutter.value(whole.reply.blocks)}),
        "tools": cutter.value(whole.tools),
    }
    return whole.model_copy(update={**cut, "omitted_characters": cutter.omitted})


async def read_whole(
    session: AsyncSession, principal: Principal, job_id: UUID, step: int, *, vault: Vault
) -> ModelCallRead:
    """Return a model call with all messages, and with nothing omitted but secrets.

    Raises:
        JobNotFound: The principal can see no such job.
        ContentOwnedByPublisher: The job runs a listing of another project.
        ModelCallNotFound: The job has no such model call.
    """
    job = await get_row(session, principal, job_id)
    if job.publisher_id is not None:
        raise ContentOwnedByPublisher(job_id, job.listing)
    rows = await _journal(session, job_id, step)
    entries = [Entry(row.step, row.place, row.kind, row.content) for row in rows]
    request = request_of(entries, step) if job.type == "agentic" else None
    if request is None or (request.reply is None and job.status == "succeeded"):
        raise ModelCallNotFound(job_id, step)
    sent = await _fields_of_event(session, job_id, step)
    reply_row = next((row for row in rows if (row.step, row.place) == (step, 0)), None)
    whole = _guarded(_whole(job_id, step, request, sent, reply_row), await _hidden(session, job))
    # A run stores its parts without secrets, but a model or the author of a fork could have written one.
    scrubber = Scrubber(await secrets.all_of(session, vault, project_id=job.project_id))
    return ModelCallRead.model_validate(scrubber.scrub(whole.model_dump()))


async def _journal(session: AsyncSession, job_id: UUID, step: int) -> Sequence[Any]:
    """Return the entries before the request of a step, and its reply."""
    at = col(JournalEntry.step)
    query = (
        select(JournalEntry)
        .where(
            col(JournalEntry.job_id) == job_id,
            (at < step) | ((at == step) & (col(JournalEntry.place) == 0)),
            col(JournalEntry.kind).in_(_KINDS),
        )
        .order_by(at, col(JournalEntry.place))
    )
    return (await session.scalars(query)).all()


async def _fields_of_event(session: AsyncSession, job_id: UUID, step: int) -> dict[str, Any]:
    """Return the fields of the event of a reply; none once retention has deleted it."""
    query = select(col(JobEventRow.payload)).where(
        col(JobEventRow.job_id) == job_id,
        col(JobEventRow.type) == "model_response",
        col(JobEventRow.payload)["step"].as_integer() == step,
    )
    found: dict[str, Any] | None = (await session.scalars(query.limit(1))).first()
    return found or {}


def _whole(job_id: UUID, step: int, request: ModelRequest, sent: dict[str, Any], reply: Any) -> ModelCallRead:
    return ModelCallRead(
        job_id=job_id,
        step=step,
        model=request.model,
        max_tokens=sent.get("max_tokens"),
        forced_tool=sent.get("forced_tool"),
        cache_ttl=request.cache_ttl,
        system=request.system,
        tools=request.tools,
        messages=request.messages,
        first_message=0,
        message_count=len(request.messages),
        reply=None if reply is None else _reply(reply),
        notes=request.notes,
        omitted_characters=0,
    )


def _reply(row: Any) -> ModelReply:
    content = row.content
    return ModelReply(
        blocks=list(content["blocks"]),
        stop_reason=content.get("stop_reason"),
        tokens={name: int(count) for name, count in content["tokens"].items()},
        billed_micros=content.get("billed_micros", 0),
        label=content.get("label", ""),
        at=row.created_at,
    )


async def _hidden(session: AsyncSession, job: Job) -> Hidden:
    """Return what the guardrails of the skill hide in the records of its jobs."""
    if job.deployment_id is None:
        return Hidden()
    deployed = await load_deployed_skill(session, job.deployment_id, job.skill_name)
    return hidden_in_records(deployed.skill.rails)


def _guarded(call: ModelCallRead, hidden: Hidden) -> ModelCallRead:
    """Return the call without what events of the job hide, too."""
    if not hidden:
        return call
    messages = [_guarded_message(message, hidden) for message in call.messages]
    reply = call.reply
    if reply is not None:
        reply = reply.model_copy(update={"blocks": _guarded_blocks(reply.blocks, hidden)})
    notes = [*call.notes, _GUARDED]
    return call.model_copy(update={"messages": messages, "reply": reply, "notes": notes})


def _guarded_message(message: dict[str, Any], hidden: Hidden) -> dict[str, Any]:
    if message["role"] == "assistant":
        return {**message, "content": _guarded_blocks(message["content"], hidden)}
    masked: dict[str, Any] = hidden.masked(message)
    return masked


def _guarded_blocks(blocks: Any, hidden: Hidden) -> list[dict[str, Any]]:
    """Return the blocks of a reply."""
    if hidden.withholds_replies:
        return [{"type": "text", "text": WITHHELD}]
    masked: list[dict[str, Any]] = hidden.masked(blocks)
    return masked
