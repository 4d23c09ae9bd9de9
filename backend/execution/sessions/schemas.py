"""Requests and responses of the routes of sessions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import ClosedSchema, ErrorCode, RequestBody
from backend.identity.environments import Environment

WhileRunning = Literal["queue", "interrupt", "reject"]
TurnStatus = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]
MAX_TEXT_CHARACTERS: Final = 1_000_000
MAX_BLOCKS: Final = 50
LAST_VERSION: Final = 2**31 - 1


class SessionCreate(RequestBody):
    """Body of `POST /v1/sessions`."""

    skill: str = Field(min_length=1, max_length=200)
    """Name of an agent: `support`, or `skillpack/support`."""
    version: int | None = Field(default=None, ge=1, le=LAST_VERSION)
    """The version that all turns run. Default: each turn runs the version that is active when its message is sent."""
    title: str | None = Field(default=None, min_length=1, max_length=200)
    """Default: the beginning of the first message."""
    environment: Environment | None = None
    """The environment of all turns. Default: that of the API key; for users `production`."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Metadata of your choice, returned with the session and with the job of each turn."""


class SessionUpdate(RequestBody):
    """Body of `PATCH /v1/sessions/{id}`. Fields that are not sent stay as they are."""

    title: str | None = Field(default=None, min_length=1, max_length=200)
    metadata: dict[str, Any] | None = None
    """Replaces the metadata. Turns that have started keep theirs."""
    version: int | None = Field(default=None, ge=1, le=LAST_VERSION)
    """The version that later turns run; `null`: the active one."""


class ContentBlock(ClosedSchema):
    """A part of a message: a text, or a file."""

    model_config = ConfigDict(frozen=True)

    type: Literal["text", "image", "file"]
    """`image` and `file`, such as a PDF, name a file with `drive_path`, `url` or `base64`."""
    text: str | None = Field(default=None, max_length=MAX_TEXT_CHARACTERS)
    drive_path: str | None = Field(default=None, min_length=1, max_length=1_024)
    """The path of a file in the drive."""
    url: str | None = Field(default=None, min_length=1, max_length=8_192, pattern=r"^https?://")
    """The URL of a file."""
    base64: str | None = Field(default=None, min_length=1)
    """The content of a file."""
    media_type: str | None = Field(default=None, max_length=200)
    """The type of the content, with `base64`."""

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        sources = [one for one in (self.drive_path, self.url, self.base64) if one is not None]
        if self.type == "text" and (self.text is None or sources or self.media_type):
            raise ValueError("A block of type `text` has the field `text`, and no file")
        if self.type != "text" and (len(sources) != 1 or self.text is not None):
            raise ValueError(
                f"A block of type `{self.type}` has exactly one of `drive_path`, `url` and `base64`, and no `text`"
            )
        if self.media_type and self.base64 is None:
            raise ValueError("`media_type` belongs to `base64`")
        return self


class MessageCreate(RequestBody):
    """Body of `POST /v1/sessions/{id}/messages`."""

    content: str | list[ContentBlock] = Field(default="", max_length=MAX_TEXT_CHARACTERS)
    """The message: a text, or blocks of text and files. Its text fills the only required text input of the skill."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Inputs of the skill. Inputs that a message does not set keep the values of the message before."""
    while_running: WhileRunning = "queue"
    """Behavior while a turn runs: `queue` the message until the turn has ended, `interrupt` the turn, or `reject` the
    message with status 409."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        blocks = self.content if isinstance(self.content, list) else []
        if len(blocks) > MAX_BLOCKS:
            raise ValueError(f"A message has at most {MAX_BLOCKS} blocks")
        has_text = bool(self.content.strip()) if isinstance(self.content, str) else bool(blocks)
        if not (has_text or self.inputs):
            raise ValueError("Send `content`, `inputs` or both")
        return self


class MessageSent(Schema):
    """The response to a message."""

    message_id: UUID
    job_id: UUID
    """The job of the turn. While the message is queued, so is the job."""
    turn: int
    """Number of the turn, from 1. Frames of the stream with this number belong to it."""


class AgentSessionRead(Schema):
    """A session."""

    id: UUID
    skill: str
    """Name of the agent: `support`, or `skillpack/support`."""
    version: int | None
    """The version that all turns run; `null`: each turn runs the version that is active when its message is sent."""
    is_draft: bool = False
    """Whether all turns run the draft of the skillpack, as it was when the session was created."""
    environment: Environment
    """The environment of all turns."""
    title: str
    """Empty until the first message."""
    metadata: dict[str, Any]
    end_user: str | None
    """The user of your application, from the signed token."""
    created_by: str
    """The user or the API key that created the session."""
    message_count: int
    """Number of messages that were sent."""
    cost_micros: int
    """The cost of all turns, in millionths of a dollar."""
    cost_usd: float
    running_job_id: UUID | None
    """The job of the turn that runs or is next."""
    created_at: datetime
    updated_at: datetime
    """The time of the last message or reply."""


class MessageRead(Schema):
    """A message of the user, or the reply of the agent."""

    id: UUID
    """ID of the message. A reply has the ID of its job."""
    turn: int
    """Number of the turn, from 1."""
    role: Literal["user", "assistant"]
    job_id: UUID
    content: list[dict[str, Any]]
    """Blocks: `{"type": "text", "text"}`, and files without their content."""
    inputs: dict[str, Any] | None
    """The inputs that a message of the user has set; `null` for a reply."""
    result: Any
    """For a reply: the result of the job."""
    status: TurnStatus
    """The status of the job."""
    interrupted: bool
    """The reply is the part that was written before the turn was canceled."""
    error: str | None
    error_code: ErrorCode | None
    version: int | None
    """The version that the turn runs."""
    cost_micros: int
    """For a reply: the cost of the turn."""
    created_at: datetime
