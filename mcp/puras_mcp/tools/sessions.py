"""Define the tools for conversations with agents: send a message, read the messages, list the sessions."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from puras_mcp.api import Api, segment
from puras_mcp.cutting import MAX_CHARS, fit
from puras_mcp.errors import CallRejected
from puras_mcp.offer import READ, RUN, Offer
from puras_mcp.paging import by_cursor
from puras_mcp.shapes import ChatMessage, ChatMessages, ChatReply, ChatSession, ChatSessions
from puras_mcp.tools.about import Cursor, Limit
from puras_mcp.tools.jobs import Timeout, detail, has_ended
from puras_mcp.world import Call, api_of

_POLL_S: Final = 2.0
_REPLY_STORED_WITHIN_S: Final = 5.0
"""The reply is stored soon after the end of the job; the sweep of a worker does it if a process was lost."""
_CHECK_REPLY_S: Final = 0.2

SessionId = Annotated[str, Field(description="ID of the session, from `send_message` or `list_sessions`.")]


async def send_message(
    call: Call,
    message: Annotated[str, Field(description="The message to the agent.", max_length=1_000_000)] = "",
    session_id: Annotated[
        str, Field(description="ID of the session to continue; empty: start one with the agent `skill`.")
    ] = "",
    skill: Annotated[str, Field(description="Name of the agent of a new session, from `list_skills`.")] = "",
    inputs: Annotated[
        dict[str, Any] | None,
        Field(description="Inputs of the skill that the message does not fill. Later messages keep them."),
    ] = None,
    while_running: Annotated[
        Literal["queue", "interrupt", "reject"],
        Field(description="While a turn runs: send the message after it, cancel it, or reject the message."),
    ] = "queue",
    timeout: Timeout = 50,
) -> ChatReply:
    """Send a message to an agent, and read its reply. It can cost money and have external effects.

    Without `session_id`, a new session with the agent `skill` starts. The agent knows the earlier turns of the session.
    If the turn has not ended after `timeout` seconds, it continues: call `read_messages` later. If it waits for an
    approval, show `approvals`, then call `approve`.
    """
    api = api_of(call)
    is_new = not session_id
    if is_new and not skill:
        raise CallRejected(
            "Pass `skill`, the name of an agent, to start a session, or the `session_id` of one. `list_sessions` lists "
            "the sessions."
        )
    if is_new:
        session_id = str((await api.send("POST", "/v1/sessions", body={"skill": skill}, creates=True))["id"])
    url = f"/v1/sessions/{segment(session_id)}"
    body = {"content": message, "inputs": inputs or {}, "while_running": while_running}
    try:
        sent = await api.send("POST", f"{url}/messages", body=body, creates=True)
    except CallRejected:
        if is_new:  # no session without a message
            with contextlib.suppress(CallRejected):
                await api.send("DELETE", url)
        raise
    job = await _wait(call, api, sent["job_id"], timeout)
    reply = await _reply(api, url, sent["turn"]) if has_ended(job) else None
    found = await detail(api, job)
    return ChatReply(
        session_id=session_id,
        turn=sent["turn"],
        job_id=sent["job_id"],
        status=job["status"],
        reply=reply,
        approvals=found.approvals,
        next=_next(job, session_id, sent["turn"], has_approvals=bool(found.approvals)),
    )


async def read_messages(
    call: Call,
    session_id: SessionId,
    after_turn: Annotated[int, Field(description="Only turns after this number; 0: all.", ge=0)] = 0,
    limit: Annotated[int, Field(description="Maximum number of turns.", ge=1, le=100)] = 20,
) -> ChatMessages:
    """Read the messages and replies of a session, the oldest first. A turn that has not ended has no reply."""
    url = f"/v1/sessions/{segment(session_id)}/messages"
    while True:
        page = await api_of(call).listed(url, after=after_turn, limit=limit)
        messages = [_message(one) for one in page.items]
        if limit == 1 or sum(len(one.model_dump_json()) for one in messages) <= MAX_CHARS:
            break
        limit //= 2
    return ChatMessages(
        messages=messages, next_after_turn=messages[-1].turn if messages and page.next_cursor else None
    )


async def list_sessions(
    call: Call,
    skill: Annotated[str, Field(description="Only sessions with this agent; empty: all.")] = "",
    search: Annotated[
        str, Field(description="Words of the title, a message or a reply; empty: all sessions.")
    ] = "",
    limit: Limit = 25,
    cursor: Cursor = "",
) -> ChatSessions:
    """List the sessions, those with the newest messages first. Continue one with `send_message`."""
    page = await by_cursor(
        api_of(call), "/v1/sessions", ChatSession, limit=limit, skill=skill, q=search, cursor=cursor
    )
    return ChatSessions(sessions=page.entries, next_cursor=page.next_cursor)


async def _wait(call: Call, api: Api, job_id: str, timeout_s: float) -> dict[str, Any]:
    """Return the job when it has ended, awaits an approval, or the time is over."""
    url, deadline = f"/v1/jobs/{segment(job_id)}", time.monotonic() + timeout_s
    while True:
        remaining_s = max(0.0, deadline - time.monotonic())
        waits = {"wait": True, "timeout": min(_POLL_S, remaining_s)} if remaining_s else {}
        job: dict[str, Any] = await api.get(url, **waits)
        if has_ended(job) or job["status"] == "waiting" or time.monotonic() >= deadline:
            return job
        await call.report_progress(float(job["steps"]), message=job["status"])


async def _reply(api: Api, url: str, turn: int) -> ChatMessage | None:
    """Return the reply of a turn whose job has ended; None if it is not stored yet."""
    deadline = time.monotonic() + _REPLY_STORED_WITHIN_S
    while True:
        found = await api.get(f"{url}/messages", after=turn - 1, limit=1)
        if found and found[-1]["role"] == "assistant":
            return _message(found[-1])
        if time.monotonic() >= deadline:
            return None
        await asyncio.sleep(_CHECK_REPLY_S)


def _message(found: dict[str, Any]) -> ChatMessage:
    words = "\n".join(block["text"] for block in found["content"] if block["type"] == "text")
    fitted = fit({"text": words, "result": found["result"]})
    shown = fitted.value if isinstance(fitted.value, dict) else {"text": fitted.value, "result": None}
    return ChatMessage(**{**found, **shown, "cuts": fitted.cuts})


def _next(job: dict[str, Any], session_id: str, turn: int, *, has_approvals: bool) -> str:
    if has_approvals:
        return "A user must decide: show `approvals`, then call `approve`, and `read_messages` for the reply."
    if not has_ended(job):
        return (
            f"The turn continues: call `read_messages` later with session_id={session_id!r} and "
            f"after_turn={turn - 1}, or `tail_job` to follow its job."
        )
    return "" if job["status"] == "succeeded" else "Read `error`, then send another message."


LOCAL = HOSTED = (
    Offer(send_message, "Send a message to an agent", RUN),
    Offer(read_messages, "Read the messages of a session", READ),
    Offer(list_sessions, "List sessions", READ),
)
