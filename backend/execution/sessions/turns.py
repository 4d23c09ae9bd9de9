"""Send a message: store the turn and submit its job, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config import Settings
from backend.config.quotas import Quota
from backend.core import notifications
from backend.core.clock import now
from backend.execution.jobs import cancel as cancellation
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, submit
from backend.execution.journal import turns
from backend.execution.journal.turns import Turn
from backend.execution.sessions import advance, cost, service
from backend.execution.sessions.errors import (
    DraftOfSessionDeleted,
    InputsMissing,
    SessionBusy,
    SessionFull,
    SessionNotFound,
    TooManyQueuedMessages,
)
from backend.execution.sessions.inputs import FilledMessage, fill_message, missing_inputs
from backend.execution.sessions.messages import FilePart, Message
from backend.execution.sessions.schemas import ContentBlock, MessageCreate, MessageSent
from backend.execution.sessions.tables import AgentSession, SessionTurn
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, visible
from backend.identity.limits import quota_check
from backend.money.pricing import PriceList
from backend.skills.deployments.active import ResolvedSkill
from backend.skills.deployments.errors import DeploymentNotFound
from backend.skills.job_limits import JobLimits
from backend.skills.manifest.types import Skill
from backend.skills.schemas.value_schemas import ATTACHMENTS

SOURCE: Final = "session"
"""The `source` of the jobs."""
MAX_QUEUED: Final = 20
"""Maximum messages that wait for the turn that runs."""
MAX_TITLE_CHARACTERS: Final = 80
MAX_KEPT_FILES: Final = 10
"""Maximum files of earlier messages that a turn receives again: the newest ones."""
MAX_KEPT_CHARACTERS: Final = 4 * 1024 * 1024
"""Maximum characters of their contents together, if they were sent as `base64`."""

_INPUTS: Final = text("select inputs from jobs where project_id = :project_id and id = :job_id")


async def send(
    session: AsyncSession,
    principal: Principal,
    end_user: str | None,
    session_id: UUID,
    request: MessageCreate,
    *,
    settings: Settings,
) -> MessageSent:
    """Start a turn with a message, or queue it while a turn runs.

    Raises:
        SessionNotFound: The caller can see no such session.
        DraftOfSessionDeleted: It is a session of a draft whose stored state is deleted.
        SessionBusy: A turn runs, and the request rejects the message then.
        TooManyQueuedMessages: Too many messages wait already.
        SessionFull: The session has the maximum number of messages.
        SessionCostReached: The session has cost the maximum.
        InputsMissing: Required inputs have no value.
        PurasError: See `submit`.
    """
    chat = await service.locked(session, principal, end_user, session_id)
    running = await advance.settle(session, chat.project_id, chat.id)
    if running:
        if request.while_running == "reject":
            raise SessionBusy(chat.id, running[0])
        if len(running) > MAX_QUEUED:
            raise TooManyQueuedMessages(MAX_QUEUED)
    left_micros = await _check_limits(session, principal, chat, settings)
    if running and request.while_running == "interrupt":
        await cancellation.cancel_by(session, running[0], actor=principal.label)
        running = await advance.settle(session, chat.project_id, chat.id)
    resolved = await _resolve(session, principal, chat)
    turn = SessionTurn(
        project_id=chat.project_id,
        session_id=chat.id,
        number=chat.message_count + 1,
        job_id=uuid4(),
        inputs={},
    )
    before = await _turns_before(session, principal, chat)
    filled, files = _filled(resolved.skill, request, before)
    inputs = _with_earlier(resolved.skill, filled.inputs, before)
    missing = missing_inputs(resolved.skill, inputs)
    if missing:
        raise InputsMissing(resolved.full_name, missing)
    prices = PriceList.of(settings)
    spec = JobSpec(
        JobCreate(
            skill=chat.skill_name,
            inputs=inputs,
            source=SOURCE,
            metadata=chat.session_metadata,
            limits=_limits(resolved.skill, prices, left_micros),
        ),
        skillpack=str(chat.skillpack_id),
        version=chat.version,
        deployment_id=chat.deployment_id,
        job_id=turn.job_id,
        session_id=chat.id,
        environment=chat.environment,
        is_held=bool(running),
        turn=Turn(accepts_text=True, message=filled.message, session=(str(chat.id), turn.number)),
    ).within(settings)
    await submit(session, principal, spec)
    await _fill_guarded(session, turn, filled)
    turn.files, turn.version = files, resolved.version
    session.add(turn)
    chat.message_count, chat.updated_at = turn.number, now()
    if not chat.title:
        chat.title = _title(turn.content) or resolved.skill.name
    await session.flush()
    if request.while_running == "interrupt":
        await advance.release_next(session, chat.project_id, chat.id)
    notifications.note(session, notifications.EventNotification(chat.id, turn.number))
    return MessageSent(message_id=turn.id, job_id=turn.job_id, turn=turn.number)


async def _resolve(session: AsyncSession, principal: Principal, chat: AgentSession) -> ResolvedSkill:
    try:
        return await service.resolve_agent(
            session,
            principal,
            chat.skill_name,
            skillpack=str(chat.skillpack_id),
            version=chat.version,
            deployment_id=chat.deployment_id,
            environment=chat.environment,
        )
    except DeploymentNotFound:
        if chat.deployment_id is None:
            raise
        raise DraftOfSessionDeleted(chat.id) from None


async def cancel(
    session: AsyncSession, principal: Principal, end_user: str | None, session_id: UUID
) -> UUID | None:
    """Cancel the turn that runs, and return its job; none if no turn runs. The next queued message then starts.

    Raises:
        SessionNotFound: The caller can see no such session.
    """
    chat = await service.locked(session, principal, end_user, session_id)
    running = await advance.settle(session, chat.project_id, chat.id)
    if not running:
        return None
    await cancellation.cancel_by(session, running[0], actor=principal.label)
    await audit.record(session, principal, "job.cancelled", f"job:{running[0]}", skill=chat.skill_name)
    await advance.release_next(session, chat.project_id, chat.id)
    return running[0]


async def _turns_before(
    session: AsyncSession, principal: Principal, chat: AgentSession
) -> Sequence[SessionTurn]:
    """Return the turns whose inputs and files the next one may keep, newest first."""
    query = (
        visible(SessionTurn, principal)
        .where(col(SessionTurn.session_id) == chat.id)
        .order_by(col(SessionTurn.number).desc())
    )
    last = (await session.scalars(query.limit(1))).all()
    with_files = (await session.scalars(query.where(text("files <> '[]'")).limit(MAX_KEPT_FILES))).all()
    return [*last, *(one for one in with_files if one not in last)]


def _filled(
    skill: Skill, request: MessageCreate, before: Sequence[SessionTurn]
) -> tuple[FilledMessage, list[dict[str, Any]]]:
    """Return what the message sets, and its files as they are stored."""
    blocks = [ContentBlock(type="text", text=request.content)] if isinstance(request.content, str) else []
    blocks = blocks or list(request.content)  # type: ignore[arg-type]  # a list, since it is no text
    texts = [one.text for one in blocks if one.text]
    files = [
        FilePart("image" if one.type == "image" else "file", _file(one), f"content[{at}]")
        for at, one in enumerate(blocks)
        if one.type != "text"
    ]
    message = Message("user", "\n\n".join(texts), tuple(files), "content")
    stored = [{"type": one.kind, "value": one.value} for one in files]
    return fill_message(skill, message, request.inputs), stored


def _file(block: ContentBlock) -> str | dict[str, Any]:
    if block.url is not None:
        return block.url
    if block.drive_path is not None:
        return {"drive_path": block.drive_path}
    return {"base64": block.base64, **({"media_type": block.media_type} if block.media_type else {})}


def _with_earlier(skill: Skill, own: dict[str, Any], before: Sequence[SessionTurn]) -> dict[str, Any]:
    """Return the inputs of the turn: those of the message, and what it keeps of the messages before."""
    if not before:
        return own
    inputs = {**before[0].inputs, **own}
    values = [one["value"] for turn in before for one in reversed(turn.files)]
    kept: list[Any] = []
    characters = 0
    for value in values:
        characters += len(str(value))
        if value not in kept and len(kept) < MAX_KEPT_FILES and characters <= MAX_KEPT_CHARACTERS:
            kept.insert(0, value)
    declared = [value for name, value in inputs.items() if name != ATTACHMENTS]
    kept = [one for one in kept if one not in declared and one not in inputs.get(ATTACHMENTS, ())]
    if kept:
        inputs[ATTACHMENTS] = [*kept, *inputs.get(ATTACHMENTS, ())]
    return inputs


async def _fill_guarded(session: AsyncSession, turn: SessionTurn, filled: FilledMessage) -> None:
    """Store what the guardrails have permitted of the message: the job has the inputs, its journal the rest."""
    values = {"project_id": turn.project_id, "job_id": turn.job_id}
    inputs = (await session.execute(_INPUTS, values)).scalar_one()
    turn.inputs = {name: value for name, value in inputs.items() if name in filled.inputs}
    stored = await turns.of_job(session, turn.project_id, turn.job_id)
    turn.message = "" if stored is None else stored.message
    turn.inputs.pop(ATTACHMENTS, None)
    turn.content = turn.message or (str(inputs[filled.text_input]) if filled.text_input else "")


async def _check_limits(
    session: AsyncSession, principal: Principal, chat: AgentSession, settings: Settings
) -> int:
    """Return what the session may still cost."""
    max_messages = await quota_check.limit_of(session, principal, Quota.SESSION_MESSAGES, settings.quotas)
    if chat.message_count >= max_messages:
        raise SessionFull(max_messages)
    found = await cost.read(session, chat.project_id, chat.id, settings.quotas)
    if found is None:  # it is locked, so this cannot happen
        raise SessionNotFound(chat.id)
    return found.left_micros()


def _limits(skill: Skill, prices: PriceList, left_micros: int) -> JobLimits:
    """Return the limit of the turn: what the session may still cost, if that is less than the skill's own cap."""
    is_lower = left_micros < prices.cap_micros(skill, JobLimits())
    return JobLimits(cost_usd=left_micros / 1e6) if is_lower else JobLimits()


def _title(words: str) -> str:
    line = " ".join(words.split())
    if len(line) <= MAX_TITLE_CHARACTERS:
        return line
    return line[: MAX_TITLE_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"
