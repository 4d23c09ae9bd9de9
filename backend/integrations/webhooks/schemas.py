"""What the routes of webhooks take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field

from backend.core.schemas import Asked
from backend.identity.webhook_outbox.outbox import Event

DeliveryStatus = Literal["pending", "delivered", "failed"]
DeliveryFilter = Literal["pending", "delivered", "failed", "given_up"]
"""`given_up` is the name of `failed` before 0.2."""
STORED_FAILED: Final = "given_up"
"""The value in the table for `failed`, since processes of 0.1 use the same table during an upgrade."""


def current_status(stored: str) -> str:
    """Return the status of a delivery by its value in the table."""
    return "failed" if stored == STORED_FAILED else stored


Url = Annotated[str, Field(min_length=1, max_length=2_000)]
Skills = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=50)]
Events = Annotated[list[Event], Field(max_length=20)]
MAX_OVERLAP_HOURS = 168


class WebhookCreate(Asked):
    """A new webhook."""

    url: Url
    """`https://…` or `http://…`, at a public address. Redirects are not followed."""
    description: str = Field(default="", max_length=500)
    events: Events = Field(default_factory=list)
    """Which events are sent; none named: every one."""
    skills: Skills = Field(default_factory=list)
    """Of events that concern a skill, those of these skills alone; none named: every one."""
    enabled: bool = True


class WebhookUpdate(Asked):
    """What is to change; switching it on again forgets why it was off."""

    url: Url | None = None
    description: str | None = Field(default=None, max_length=500)
    events: Events | None = None
    skills: Skills | None = None
    enabled: bool | None = None


class SecretRotation(Asked):
    """How a secret is replaced."""

    overlap_hours: float = Field(default=24, ge=0, le=MAX_OVERLAP_HOURS)
    """For so long the old secret signs beside the new one."""


class Answer(BaseModel):
    """What a route answers, read from a row."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)


class WebhookRead(Answer):
    """A webhook; its secret is never told again."""

    id: UUID
    url: str
    description: str
    events: list[str]
    """None: every one."""
    skills: list[str]
    enabled: bool
    disabled_reason: str
    """Why the instance itself has switched it off; empty otherwise."""
    failing_since: datetime | None
    """The first failure since it last took something."""
    previous_secret_expires_at: datetime | None = Field(
        validation_alias=AliasChoices("previous_secret_expires_at", "previous_until")
    )
    """Until this time, the previous secret signs too."""
    previous_until: datetime | None = Field(deprecated="Use `previous_secret_expires_at`. Removed in 0.3.")
    """The former name of `previous_secret_expires_at`."""
    created_by: str
    created_at: datetime
    updated_at: datetime


class WebhookSecretRead(WebhookRead):
    """The same with its secret, which is shown this once."""

    secret: str
    """`whsec_…`: what `puras.verify_webhook` takes."""


class DeliveryAttempt(Answer):
    """One attempt to send a delivery."""

    number: int
    """From 1. A number is missing where the process ended that sent it."""
    started_at: datetime
    response_code: int | None
    response: str | None
    """The first 200 characters of the response."""
    error: str | None
    """Why the attempt failed; `null`: it was delivered."""
    duration_ms: int | None


class DeliveryRead(Answer):
    """One event for one webhook."""

    id: UUID
    """The `webhook-id` that the receiver is sent, the same with every try."""
    webhook_id: UUID
    event: str
    body: str
    """What is signed and sent."""
    status: Annotated[DeliveryStatus, BeforeValidator(current_status)]
    """`pending` until it is `delivered`, or after three days `failed`."""
    former_status: Literal["pending", "delivered", "given_up"] = Field(
        validation_alias=AliasChoices("former_status", "status"),
        deprecated="Use `status`. Removed in 0.3.",
    )
    """The status under its name before 0.2: `given_up` instead of `failed`."""
    attempts: int
    next_at: datetime | None
    """When it is tried next."""
    response_code: int | None
    """Of the last try."""
    response: str | None
    """How the last answer began."""
    error: str | None
    """What was wrong with the last try."""
    duration_ms: int | None
    attempt_log: list[DeliveryAttempt]
    """Every attempt with its result, the oldest first, of at most 100."""
    created_at: datetime
    attempted_at: datetime | None
    ended_at: datetime | None
