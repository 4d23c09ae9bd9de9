"""Define the requests and responses of the routes of webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody
from backend.identity.webhook_outbox.outbox import Event

DeliveryStatus = Literal["pending", "delivered", "failed"]
DeliveryFilter = Literal["pending", "delivered", "failed", "given_up"]
"""`given_up` is the name of `failed` before 0.2."""
STORED_FAILED: Final = "given_up"
"""The value in the table for `failed`, since processes of 0.1 use the same table during an upgrade."""


def current_status(stored: str) -> str:
    """Return the status of a delivery by its value in the table."""
    return "failed" if stored == STORED_FAILED else stored


WebhookFormat = Literal["json", "slack", "email"]
Url = Annotated[str, Field(min_length=1, max_length=2_000)]
Skills = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=50)]
Events = Annotated[list[Event], Field(max_length=20)]
MAX_OVERLAP_HOURS = 168


class WebhookCreate(RequestBody):
    """A new webhook."""

    url: Url
    """`https://…` or `http://…`, at a public address. Redirects are not followed. With `format: email`, `mailto:` and
    the address of a member of the project."""
    format: WebhookFormat = "json"
    """`json`: the signed event, for a program. `slack`: a message `{"text": …}` to the incoming webhook of Slack,
    Mattermost, Discord (`…/slack`) and others. `email`: an e-mail, if the operator has set `PURAS_SMTP_URL`. The format
    cannot change."""
    description: str = Field(default="", max_length=500)
    events: Events = Field(default_factory=list)
    """Events to send. Empty: all events."""
    skills: Skills = Field(default_factory=list)
    """Of events about a skill, send only those of these skills. Empty: all skills."""
    enabled: bool = True


class WebhookUpdate(RequestBody):
    """Changes of a webhook. Switching it on clears the reason why it was off."""

    url: Url | None = None
    description: str | None = Field(default=None, max_length=500)
    events: Events | None = None
    skills: Skills | None = None
    enabled: bool | None = None


class SecretRotation(RequestBody):
    """How a secret is replaced."""

    overlap_hours: float = Field(default=24, ge=0, le=MAX_OVERLAP_HOURS)
    """How long requests are signed with the old secret, too."""


class _Read(Schema):
    """A response that is read from a row."""

    model_config = ConfigDict(from_attributes=True)


class WebhookRead(_Read):
    """A webhook without its secret."""

    id: UUID
    url: str
    format: WebhookFormat
    description: str
    events: list[str]
    """Empty: all events."""
    skills: list[str]
    enabled: bool
    disabled_reason: str
    """Why the instance has switched it off; otherwise empty."""
    failing_since: datetime | None
    """The first failure since the last accepted request."""
    previous_secret_expires_at: datetime | None = Field(
        validation_alias=AliasChoices("previous_secret_expires_at", "previous_until")
    )
    """Until then, requests are signed with the previous secret, too."""
    previous_until: datetime | None = Field(deprecated="Use `previous_secret_expires_at`. Removed in 0.3.")
    """The former name of `previous_secret_expires_at`."""
    created_by: str
    created_at: datetime
    updated_at: datetime


class WebhookSecretRead(WebhookRead):
    """A webhook with its secret, which is shown only once."""

    secret: str
    """`whsec_…`, for `puras.verify_webhook`. Only requests with `format: json` are signed."""


class DeliveryAttempt(_Read):
    """One attempt to send a delivery."""

    number: int
    """From 1. A number is missing if the process that sent it ended."""
    started_at: datetime
    response_code: int | None
    response: str | None
    """The first 200 characters of the response."""
    error: str | None
    """Why the attempt failed; `null`: it was delivered."""
    duration_ms: int | None


class DeliveryRead(_Read):
    """One event for one webhook."""

    id: UUID
    """The `webhook-id` that the receiver gets, the same with every attempt."""
    webhook_id: UUID
    event: str
    body: str
    """The signed body."""
    status: Annotated[DeliveryStatus, BeforeValidator(current_status)]
    """`pending` until it is `delivered`, or `failed` after three days."""
    former_status: Literal["pending", "delivered", "given_up"] = Field(
        validation_alias=AliasChoices("former_status", "status"),
        deprecated="Use `status`. Removed in 0.3.",
    )
    """The status under its name before 0.2: `given_up` instead of `failed`."""
    attempts: int
    next_at: datetime | None
    """Time of the next attempt."""
    response_code: int | None
    """Of the last attempt."""
    response: str | None
    """The start of the last response."""
    error: str | None
    """Why the last attempt failed."""
    duration_ms: int | None
    attempt_log: list[DeliveryAttempt]
    """Every attempt with its result, the oldest first, of at most 100."""
    created_at: datetime
    attempted_at: datetime | None
    ended_at: datetime | None
