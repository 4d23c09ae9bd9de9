"""Responses with model calls."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from backend.core.attribute_docstrings import Schema

_OBJECTS: dict[str, Any] = {"items": {"type": "object"}}


class ModelReply(Schema):
    """The reply of a model call."""

    blocks: list[dict[str, Any]] = Field(json_schema_extra=_OBJECTS)
    """Blocks of the reply: `text`, `tool_use`, `thinking`."""
    stop_reason: str | None
    """`end_turn`, `tool_use`, `max_tokens` and others."""
    tokens: dict[str, int]
    """`input` (not cached), `output`, `cache_write` and `cache_read`."""
    billed_micros: int
    """The price, in millionths of a dollar."""
    label: str
    """The replacement of the language model, a simulation or a recording; empty if it is one."""
    at: datetime
    """When the reply was stored."""


class ModelCallRead(Schema):
    """A model call of an agent: its input in the form of the Messages API, and the reply.

    Adapters of other APIs send the same content in another form.
    """

    job_id: UUID
    step: int
    """Number of the reply, from 1."""
    model: str | None
    """Slug of the model."""
    max_tokens: int | None
    """Maximum tokens of the reply; `null` if it is not known."""
    forced_tool: str | None
    """The tool that the reply had to call."""
    cache_ttl: str | None
    """Lifetime of the prompt cache."""
    system: str
    """The system prompt."""
    tools: list[dict[str, Any]] = Field(json_schema_extra=_OBJECTS)
    """The tools that the model could call: `name`, `description`, `input_schema`."""
    messages: list[dict[str, Any]] = Field(json_schema_extra=_OBJECTS)
    """Messages of the conversation: `role`, and `content` as a list of blocks."""
    first_message: int
    """Position of the first one of these messages in the conversation, from 0."""
    message_count: int
    """Number of all messages of the conversation."""
    reply: ModelReply | None
    """`null`: the model has not replied to this request, or the request was not sent."""
    notes: list[str]
    """Differences from the request that was sent, such as parts that are not stored."""
    omitted_characters: int
    """Characters of long texts and of files that this response omits. The download has them."""
