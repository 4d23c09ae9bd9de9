"""Read the turns before one turn of a session, for the prompt of its agent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession

MAX_CHARACTERS: Final = 600_000
"""The newest turns with up to this many characters are read; the run then compacts them to the context of its model."""
_INTERRUPTED: Final = "(The user interrupted this reply.)"
_UNANSWERED: Final = "(This turn ended without a reply: {error})"
_OMITTED: Final = "(The conversation has {count:,} turns before this one, which are not shown.)"

_EARLIER: Final = text("""
select number, inputs, message, files, status, reply, partial, error from (
  select t.*, sum(length(t.message) + length(t.inputs::text) + coalesce(length(t.reply::text), 0)
                  + coalesce(length(t.partial), 0)) over (order by t.number desc) as characters
  from session_turns t
  where t.project_id = :project_id and t.session_id = :session_id and t.number < :number
) newest
where characters <= :max_characters
order by number
""")


async def earlier_turns(session: AnySession, project_id: UUID, turn: tuple[str, int]) -> list[dict[str, Any]]:
    """Return the messages before a turn, in the form of `Turn.earlier`.

    Args:
        session: The transaction.
        project_id: The project of the job.
        turn: ID of the session, and the number of the turn. The turns before it have ended.
    """
    session_id, number = turn
    values = {"project_id": project_id, "session_id": UUID(session_id), "number": number}
    rows = (await session.execute(_EARLIER, values | {"max_characters": MAX_CHARACTERS})).all()
    messages: list[dict[str, Any]] = []
    omitted = (rows[0].number if rows else number) - 1
    if omitted:
        messages.append({"role": "user", "inputs": {}, "message": _OMITTED.format(count=omitted)})
    for row in rows:
        inputs = dict(row.inputs)
        if row.files:
            inputs["attachments"] = [shown_file(one) for one in row.files]
        user: dict[str, Any] = {"role": "user", "inputs": inputs}
        messages.append(user | ({"message": row.message} if row.message else {}))
        messages.append({"role": "assistant", "text": _reply(row)})
    return messages


def shown_file(file: Mapping[str, Any]) -> dict[str, Any]:
    """Return a file of a message without its content."""
    value = file["value"]
    if isinstance(value, str):
        value = {"url": value} if value[:5].lower() != "data:" else {"media_type": value[5:80].split(";")[0]}
    return {"type": file["type"], **{name: one for name, one in value.items() if name != "base64"}}


def reply_text(result: Any) -> str:
    """Return a result as the text of a reply: a text, the only text of an object, otherwise JSON."""
    if isinstance(result, dict) and len(result) == 1:
        [only] = result.values()
        result = only if isinstance(only, str) else result
    if result is None:
        return ""
    return result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)


def _reply(row: Any) -> str:
    if row.status == "succeeded":
        return reply_text(row.reply) or "(empty)"
    note = _INTERRUPTED if row.status == "cancelled" else _UNANSWERED.format(error=row.error or row.status)
    return f"{row.partial}\n\n{note}" if row.partial else note
