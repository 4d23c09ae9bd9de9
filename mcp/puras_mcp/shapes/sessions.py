"""Define sessions: conversations with agents, their messages and replies."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from puras_mcp.cutting import Cut
from puras_mcp.shapes.base import Shape
from puras_mcp.shapes.jobs import Approval


class ChatSession(Shape):
    """A conversation with an agent."""

    id: str
    skill: str
    title: str
    end_user: str | None
    """The user of an application."""
    message_count: int
    cost_usd: float
    running_job_id: str | None
    """The job of the turn that runs or is next."""
    updated_at: str


class ChatSessions(Shape):
    """Sessions, those with the newest messages first."""

    sessions: list[ChatSession]
    next_cursor: str | None
    """Pass it as `cursor` for older sessions; null: there are none."""


class ChatMessage(Shape):
    """A message of the user, or the reply of the agent."""

    turn: int
    role: Literal["user", "assistant"]
    job_id: str
    text: str
    result: Any
    """For a reply: the result of the job."""
    status: str
    error: str | None
    cuts: list[Cut] = Field(default_factory=list)
    """Shortened values: `get_job` returns the rest of a result with the `path` and the number of characters."""


class ChatMessages(Shape):
    """Messages and replies, the oldest first."""

    messages: list[ChatMessage]
    next_after_turn: int | None
    """Pass it as `after_turn` for later turns; null: there are none."""


class ChatReply(Shape):
    """The turn of a message, with the reply if it has ended."""

    session_id: str
    turn: int
    job_id: str
    status: str
    reply: ChatMessage | None
    """Null: the turn has not ended in time."""
    approvals: list[Approval] = Field(default_factory=list)
    """Calls that a user must approve or reject with `approve` before the turn continues."""
    next: str = ""
    """The next step."""
