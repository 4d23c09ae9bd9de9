"""Request and response bodies of events of projects."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody, Text
from backend.execution.waits.project_events import MAX_ID_CHARACTERS, MAX_TYPE_CHARACTERS
from backend.identity.environments import Environment


class EventCreate(RequestBody):
    """Body of `POST /v1/events`."""

    type: Text = Field(min_length=1, max_length=MAX_TYPE_CHARACTERS)
    """The type, such as `invoice.paid`. Waits name it."""
    data: Any = None
    """JSON data, up to 64 KiB."""
    id: Text | None = Field(default=None, min_length=1, max_length=MAX_ID_CHARACTERS)
    """An ID of the sender: a second event with it is not stored. Default: a new ID."""
    environment: Environment | None = None
    """The environment whose jobs receive it. Default: that of the API key; for users `production`."""


class ProjectEventRead(Schema):
    """An event of the project."""

    id: str
    """The ID of the event in the project."""
    type: str
    """The type, which waits name."""
    data: Any
    """The data of the event."""
    sent_by: str
    """The user, the API key or the job (`job:ID`) that sent the event."""
    environment: Environment
    """The environment whose jobs receive the event."""
    received_at: datetime
    """The time at which the instance received the event."""
