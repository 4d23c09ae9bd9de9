"""Replace references to earlier answers by their text, which some SDKs send instead of the messages themselves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from backend.context import AppContext
from backend.execution.jobs import queries
from backend.execution.jobs.errors import JobNotFound
from backend.execution.sessions.errors import ConversationInvalid
from backend.identity.auth.principal import Principal
from backend.integrations.openai_api.answers import Answer
from backend.integrations.openai_api.response_schemas import InputItem
from backend.skills.manifest.types import Skill

REFERENCE: Final = "item_reference"
MAX_JOBS: Final = 50
"""Maximum number of jobs that one request may refer to, since each is read."""
_ITEM_ID: Final = re.compile(r"msg_([0-9a-f]{32})_[0-9]{1,9}")


async def with_answers(
    context: AppContext, principal: Principal, items: str | Sequence[InputItem], skill: Skill
) -> str | list[InputItem]:
    """Return the items with references replaced by the answers of their jobs.

    A job whose messages are referred to several times, because it wrote comments before its answer, has one answer.

    Raises:
        ConversationInvalid: A reference is not to an answer that the caller can read.
    """
    if isinstance(items, str):
        return items
    jobs = {_job_of(item, at): at for at, item in enumerate(items) if item.type == REFERENCE}
    if len(jobs) > MAX_JOBS:
        raise ConversationInvalid(
            "input", f"It refers to more than {MAX_JOBS} answers. Send the messages instead."
        )
    replaced: list[InputItem] = []
    for at, item in enumerate(items):
        if item.type != REFERENCE:
            replaced.append(item)
        elif jobs[_job_of(item, at)] == at:  # the last reference to the job
            text = await _answer(context, principal, _job_of(item, at), skill, at=at)
            replaced.append(InputItem(role="assistant", content=text))
    return replaced


async def _answer(context: AppContext, principal: Principal, job_id: UUID, skill: Skill, *, at: int) -> str:
    try:
        async with context.database.reading() as session:
            job = await queries.get_job(session, principal, job_id)
    except JobNotFound:
        raise _unknown(at) from None
    if job.status != "succeeded":
        raise _unknown(at)
    return Answer(skill, is_json=False).text(job)


def _job_of(item: InputItem, at: int) -> UUID:
    found = _ITEM_ID.fullmatch(item.id or "")
    if found is None:
        raise _unknown(at)
    return UUID(found[1])


def _unknown(at: int) -> ConversationInvalid:
    return ConversationInvalid(
        f"input[{at}].id", "It refers to no answer that this key can read. Send the message itself instead."
    )
