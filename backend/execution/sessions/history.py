"""Read the turns before one turn of a session, for the prompt of its agent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession

MAX_CHARACTERS: Final = 600_000
"""The newest turns with up to this many characters are read; the run then compacts them to the context of its model."""
MAX_CALL_CHARACTERS: Final = 300_000
"""The newest calls of tools with up to this many characters are read as well, with their results."""
MAX_CALL_TURNS: Final = 100
"""Turns whose calls are read, at most."""
_RESULT_TOOL: Final = "set_output"
"""The tool that submits the result, which the history shows as the reply."""
_NO_RESULT: Final = (
    "ERROR: the turn ended before this call had a result. It is unknown whether it took effect."
)
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
# Retention deletes the journal with its job; the turn then has no calls. Images in results are not shown again.
_CALLS: Final = text("""
select number, step, place, kind, content from (
  select t.number, e.step, e.place, e.kind, shown.content,
         sum(length(cast(shown.content as text)))
           over (order by t.number desc, e.step desc, e.place desc) as characters
  from session_turns t join journal_entries e on e.job_id = t.job_id
  cross join lateral (
    select case when e.kind = 'result' and json_typeof(e.content -> 'content') = 'array' then json_build_object(
      'ok', e.content -> 'ok', 'content', (
        select json_agg(case when b.block ->> 'type' = 'text' then b.block
                             else json_build_object('type', b.block -> 'type') end order by b.n)
        from json_array_elements(e.content -> 'content') with ordinality b(block, n)
      )) else e.content end as content
  ) shown
  where t.project_id = :project_id and t.session_id = :session_id and t.number < :number
    and t.number >= :first_number and e.step > 0 and e.kind in ('reply', 'result')
) newest
where characters <= :max_characters
order by number, step, place
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
    limits = {"max_characters": MAX_CALL_CHARACTERS, "first_number": number - MAX_CALL_TURNS}
    entries = (await session.execute(_CALLS, values | limits)).all()
    steps = {turn: _steps(list(own)) for turn, own in groupby(entries, key=lambda entry: entry.number)}
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
        reply: dict[str, Any] = {"role": "assistant", "text": _reply(row)}
        own = steps.get(row.number, [])
        if row.partial:  # it has the texts of all steps
            own = [{**step, "text": ""} for step in own]
        messages.append(reply | ({"steps": own} if own else {}))
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


def _steps(entries: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the steps of a turn that have called tools, in the form of `steps` in `Turn.earlier`."""
    steps = []
    for step, own in groupby(entries, key=lambda entry: entry.step):
        content = {entry.place: entry.content for entry in own}
        blocks = content.get(0, {}).get("blocks", ())  # without its reply, a step is beyond the limit
        used = [block for block in blocks if block.get("type") == "tool_use"]
        calls = [
            _call(f"{entries[0].number}_{step}_{place}", block, content.get(place))
            for place, block in enumerate(used, start=1)
            if block.get("name") != _RESULT_TOOL
        ]
        if calls:
            words = "\n\n".join(block["text"] for block in blocks if block.get("type") == "text")
            steps.append({"text": words, "calls": calls})
    return steps


def _call(call_id: str, block: Mapping[str, Any], result: Mapping[str, Any] | None) -> dict[str, Any]:
    given = block.get("input")
    return {
        "id": call_id,
        "name": block["name"],
        "input": given if isinstance(given, dict) else {},
        "result": _NO_RESULT if result is None else _result_text(result["content"]),
        "ok": result is not None and bool(result["ok"]),
    }


def _result_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(
        str(block["text"]) if block.get("type") == "text" else f"[{block.get('type')}]"
        for block in content or ()
    )


def _reply(row: Any) -> str:
    if row.status == "succeeded":
        return reply_text(row.reply) or "(empty)"
    note = _INTERRUPTED if row.status == "cancelled" else _UNANSWERED.format(error=row.error or row.status)
    return f"{row.partial}\n\n{note}" if row.partial else note
