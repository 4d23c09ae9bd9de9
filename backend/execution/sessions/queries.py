"""Read the messages of a session."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.execution.sessions.history import reply_text, shown_file
from backend.execution.sessions.schemas import MessageRead

# A turn has no reply until `advance` has stored it, soon after the end of the job: the text of a canceled one is then
# known.
_TURNS: Final = text("""
select t.id, t.number, t.job_id, t.content, t.inputs, t.files, t.partial, t.created_at,
       coalesce(t.status, j.status, 'failed') as status,
       t.reply, t.error, t.error_code,
       coalesce(j.deployment_version, t.version) as version,
       coalesce(j.cost_micros + j.called_cost_micros, t.cost_micros) as cost_micros,
       t.ended_at
from session_turns t left join jobs j on j.id = t.job_id and j.project_id = t.project_id
where t.project_id = :project_id and t.session_id = :session_id and t.number > :after
order by t.number limit :limit
""")


async def turns_after(
    session: AnySession, project_id: UUID, session_id: UUID, *, after: int = 0, limit: int
) -> Sequence[Any]:
    """Return the rows of turns with numbers above `after`, in order, of a session that the caller may see."""
    values = {"project_id": project_id, "session_id": session_id, "after": after, "limit": limit}
    return (await session.execute(_TURNS, values)).all()


def messages_of(row: Any) -> list[MessageRead]:
    """Return the message of a turn, and the reply if the turn has ended."""
    user = user_message(row)
    return [user] if row.ended_at is None else [user, reply_message(row)]


def user_message(row: Any) -> MessageRead:
    """Return the message of a turn."""
    words = [{"type": "text", "text": row.content}] if row.content else []
    return MessageRead(
        id=row.id,
        turn=row.number,
        role="user",
        job_id=row.job_id,
        content=[*words, *(shown_file(one) for one in row.files)],
        inputs=row.inputs,
        result=None,
        status=row.status,
        interrupted=False,
        error=None,
        error_code=None,
        version=row.version,
        cost_micros=0,
        created_at=row.created_at,
    )


def reply_message(row: Any) -> MessageRead:
    """Return the reply of a turn that has ended."""
    words = reply_text(row.reply) if row.status == "succeeded" else row.partial or ""
    return MessageRead(
        id=row.job_id,
        turn=row.number,
        role="assistant",
        job_id=row.job_id,
        content=[{"type": "text", "text": words}] if words else [],
        inputs=None,
        result=row.reply,
        status=row.status,
        interrupted=row.status == "cancelled" and bool(row.partial),
        error=row.error,
        error_code=row.error_code,
        version=row.version,
        cost_micros=int(row.cost_micros),
        created_at=row.ended_at,
    )
