"""Going on from what an agent has done: a fork from one of its steps, or a continuation behind its end.

Both are new jobs of the same deployment that begin with a journal: nothing that stands in it is bought or done again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.errors import Conflict, Invalid, Problem, field
from backend.core.schemas import Text
from backend.execution.events.append import NewEvent, append_to_queued
from backend.execution.events.types import OMITTED, ContinuedEvent, ForkedEvent
from backend.execution.jobs.errors import PromptNotOnKey
from backend.execution.jobs.fork_edits import Edit, Edited, edited, kinds_shown, unmeasured, unsigned
from backend.execution.jobs.queries import get_row
from backend.execution.jobs.replay import replayed
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.submit import JobSpec, submit
from backend.execution.jobs.tables import Job
from backend.execution.journal import service as journal
from backend.execution.journal.service import CLEARED_PLACE, OPENING_STEP, Entry
from backend.identity.auth.principal import Principal
from backend.marketplace.errors import ContentOwnedByPublisher
from backend.money.pricing import PriceList
from backend.skills.model_catalog import catalog

_KEPT: Final = frozenset({"opening", "reply", "result", "note"})
_GO_ON: Final = "Go on."
_NEW_INPUTS: Final = (
    "That run is over. It goes on with new inputs, as JSON, which are data as the first were. Hand in a new result "
    "with set_output.\n\n<inputs>\n{inputs}\n</inputs>"
)


class NotResumable(Conflict):
    """The job has no conversation to continue, or its status does not allow it."""

    code = "not_resumable"
    former_code = "nothing_to_go_on_from"
    message = "Job {job_id!r} {why}"
    job_id: UUID
    why: str = field(in_body=False)


class ForkCreate(BaseModel):
    """Body of `POST /v1/jobs/{id}/fork`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    step: int = Field(ge=0, le=10_000)
    """The last step that is kept, with the results of its calls; 0: the opening alone."""
    edits: list[Edit] = Field(default_factory=list, max_length=200)
    """Changes to what was said and done up to there."""
    inputs: dict[str, Any] | None = None
    """Other inputs: the opening message is written anew from them. They fit the skill's `input_schema`."""
    model: Text | None = Field(default=None, min_length=1, max_length=200)
    """Another model from there on; default: the one that the run had."""
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """Another version of the skill, with its own prompt and tools; default: the very deployment that it ran."""


class ContinuationCreate(BaseModel):
    """Body of `POST /v1/jobs/{id}/continue`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    inputs: dict[str, Any] = Field(default_factory=dict)
    """What it goes on with; they fit the skill's `input_schema`, as any job's do."""


async def fork(
    session: AsyncSession,
    principal: Principal,
    job_id: UUID,
    asked: ForkCreate,
    *,
    prices: PriceList,
    most_queued: int,
) -> UUID:
    """A new job that stands where the other stood behind a step, with what is asked for changed.

    Raises:
        PromptNotOnKey: the key may run named skills alone, and the edits are words of its own.
        JobNotFound: there is no such job for the principal.
        NotResumable: it is no agent's, or has not begun.
        Missing: the skill has no such version.
        Invalid: it has no such step, an edit cannot be made, or the inputs or the model do not fit.
    """
    if asked.edits and (principal.kind == "publishable_key" or principal.skill_allowlist):
        raise PromptNotOnKey(principal.skill_allowlist)  # with other words the agent is no longer the skill's
    _, entries = await _begun(session, principal, job_id)
    kept = _kept(entries, asked)
    spec = await replayed(session, principal, job_id, version=asked.version, prices=prices)
    changed = {"inputs": asked.inputs, "model": asked.model}
    changed = {name: value for name, value in changed.items() if value is not None}
    spec = replace(spec, request=spec.request.model_copy(update=changed))
    new = await _submitted(session, principal, spec, kept.entries, source="fork", most_queued=most_queued)
    if asked.version is not None and (await get_row(session, principal, new)).type != "agentic":
        raise Invalid(
            f"In version {asked.version} the skill is a function, which has no steps.",
            [Problem("version", "Name a version in which the skill is an agent's.")],
        )
    forked = ForkedEvent(
        from_job_id=str(job_id),
        from_step=asked.step,
        inputs=asked.inputs is not None or OMITTED,
        model=asked.model or OMITTED,
        version=asked.version or OMITTED,
        edits=kept.told or OMITTED,
    )
    await append_to_queued(session, job_id=new, events=[NewEvent(forked)])
    return new


async def go_on(
    session: AsyncSession,
    principal: Principal,
    job_id: UUID,
    asked: ContinuationCreate,
    *,
    prices: PriceList,
    most_queued: int,
) -> UUID:
    """A new job that has the whole conversation of one that has ended, and new inputs.

    Raises:
        JobNotFound: there is no such job for the principal.
        NotResumable: it is no agent's, or has not ended.
        Invalid: the inputs do not fit the skill.
    """
    job, entries = await _begun(session, principal, job_id)
    if job.status not in TERMINAL:
        raise NotResumable(job_id, f"is {job.status}. Wait for its end, or fork it from one of its steps.")
    opening = dict(entries[0].content)
    inputs = json.dumps(asked.inputs, ensure_ascii=False).replace("</", "<\\/")
    opening["messages"] = _conversation(entries, _NEW_INPUTS.format(inputs=inputs))
    spec = await replayed(session, principal, job_id, version=None, prices=prices)
    spec = replace(spec, request=spec.request.model_copy(update={"inputs": asked.inputs}))
    kept = [Entry(OPENING_STEP, 0, "opening", opening)]
    new = await _submitted(session, principal, spec, kept, source="continue", most_queued=most_queued)
    continued = ContinuedEvent(from_job_id=str(job_id))
    await append_to_queued(session, job_id=new, events=[NewEvent(continued)])
    return new


async def _begun(session: AsyncSession, principal: Principal, job_id: UUID) -> tuple[Job, list[Entry]]:
    """The job, and what its journal holds that is over."""
    job = await get_row(session, principal, job_id)
    if job.publisher_id is not None:
        raise ContentOwnedByPublisher(job_id, job.listing)
    if job.type != "agentic":
        raise NotResumable(job_id, "is a function's, which has no steps. Replay it.")
    read = await journal.read(session, job_id, reserved_micros=0)
    entries = [kept.entry for kept in read.entries if kept.entry.kind in _KEPT]
    if not entries or entries[0].kind != "opening":
        raise NotResumable(job_id, "has not begun. Wait until it has, or replay it.")
    return job, entries


async def _submitted(
    session: AsyncSession,
    principal: Principal,
    spec: JobSpec,
    entries: Sequence[Entry],
    *,
    source: str,
    most_queued: int,
) -> UUID:
    request = spec.request.model_copy(update={"source": source})
    submitted = await submit(session, principal, replace(spec, request=request, most_queued=most_queued))
    await journal.begin_with(session, submitted.job_id, entries)
    return submitted.job_id


def _renewed(entry: Entry) -> Entry:
    """As the new job's own: it has run for no time yet."""
    return replace(entry, content={**entry.content, "elapsed_s": 0.0}) if entry.kind == "reply" else entry


def _kept(entries: Sequence[Entry], asked: ForkCreate) -> Edited:
    """What of the journal the new job begins with.

    Raises:
        Invalid: there is no such step, or an edit cannot be made.
    """
    last = max(entry.step for entry in entries)
    if asked.step > last:
        raise Invalid(
            f"The job has {last} steps: {asked.step} is none of them.",
            [Problem("step", f"Name one from 0 to {last}.")],
        )
    if asked.inputs is not None and any(edit.step == OPENING_STEP for edit in asked.edits):
        raise Invalid(
            "The opening message is written anew from 'inputs', or changed by an edit of step 0, not both.",
            [Problem("inputs", "Give the inputs, or the edit.")],
        )
    kept = edited([_renewed(entry) for entry in entries if entry.step <= asked.step], asked.edits)
    if asked.model is not None:
        _check_sight(kept.entries, asked.model)
    first = -1 if asked.model or asked.version or asked.inputs is not None else kept.first_step
    kept.entries = [unsigned(entry) if entry.step > first else entry for entry in kept.entries]
    if asked.edits or asked.model is not None or asked.inputs is not None or asked.version is not None:
        kept.entries = [unmeasured(entry) for entry in kept.entries if entry.place < CLEARED_PLACE]
    kept.entries[0] = _opening(kept.entries[0], asked)
    return kept


def _check_sight(entries: Sequence[Entry], slug: str) -> None:
    """Refuse a model that cannot take what the conversation shows; one that is not known is refused by `submit`."""
    model = catalog.current().models.get(slug)
    if model is None:
        return
    shown = kinds_shown(entries)
    for kind, takes in (("image", model.vision), ("document", model.pdf)):
        if kind in shown and not takes:
            what = "pictures" if kind == "image" else "PDFs"
            raise Invalid(
                f"Up to that step the conversation holds {what}, which the model {slug!r} does not take.",
                [Problem("model", f"Name a model that takes {what}, or fork before they came.")],
            )


def _opening(entry: Entry, asked: ForkCreate) -> Entry:
    """What the run begins with; what only a worker can write is left for it to write anew."""
    content = dict(entry.content)
    anew = [
        *(["system"] if asked.version is not None else []),
        *(["messages"] if asked.inputs is not None else []),
    ]
    if asked.model is not None:
        content["model"] = asked.model
    elif asked.version is not None:
        content["model"] = None  # that of the job, else of that version
    if not anew:
        return replace(entry, content=content)
    return Entry(OPENING_STEP, 0, "started", {**content, "anew": anew})


def _conversation(entries: Sequence[Entry], last: str) -> list[dict[str, Any]]:
    """All that was said, and a last word of ours."""
    messages: list[dict[str, Any]] = [*entries[0].content["messages"]]
    for step in sorted({entry.step for entry in entries} - {OPENING_STEP}):
        reply, *answers = [entry for entry in entries if entry.step == step and entry.place < CLEARED_PLACE]
        messages.append({"role": "assistant", "content": reply.content["blocks"]})
        told = [_answer(entry) for entry in answers]
        answered = {block.get("tool_use_id") for block in told}
        told += [
            {
                "type": "tool_result",
                "tool_use_id": block["id"],
                "content": "ERROR: not made.",
                "is_error": True,
            }
            for block in reply.content["blocks"]
            if block.get("type") == "tool_use" and block["id"] not in answered
        ]
        results = [block for block in told if block["type"] == "tool_result"]
        messages.append(
            {"role": "user", "content": [*results, *(b for b in told if b not in results)] or _words(_GO_ON)}
        )
    final = _words(last)
    if messages[-1]["role"] == "user":
        messages[-1] = {"role": "user", "content": [*messages[-1]["content"], *final]}
    else:
        messages.append({"role": "user", "content": final})
    return messages


def _answer(entry: Entry) -> dict[str, Any]:
    if entry.kind == "note":
        return _words(str(entry.content["text"]))[0]
    block = {
        "type": "tool_result",
        "tool_use_id": entry.content["tool_use_id"],
        "content": entry.content["content"],
    }
    return block if entry.content["ok"] else {**block, "is_error": True}


def _words(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}]
