"""What is said about listings over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.core.schemas import Text

ListingStatus = Literal["draft", "published", "taken_down"]
MAX_PRICE_MICROS = 1_000_000_000
"""A thousand dollars a run: more is a slip of the finger."""


class ListingCreate(BaseModel):
    """Body of `POST /v1/marketplace/listings`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    slug: Text = Field(min_length=1, max_length=64)
    """Its name in the whole instance: letters, digits, `-`, `_`. It stays."""
    skill: Text = Field(min_length=1, max_length=200)
    """What is offered: `resize`, or `skillpack/resize`."""
    skillpack: Text | None = Field(default=None, max_length=200)
    """Id or slug, when several have the skill."""
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """The skillpack's version that callers get, until another one is added; default: the active one."""
    follows_active: bool = False
    """Every version that the skillpack activates becomes one of the listing by itself."""
    shows_approvals: bool = False
    """Runs may ask their callers for approvals, which show them the tool and its arguments. Needed where a run can ask:
    the bundle has `confirm: true`, or a rail with `action: approve`."""
    price_micros: int = Field(default=0, ge=0, le=MAX_PRICE_MICROS)
    """For each run that succeeds, in millionths of a dollar."""
    title: Text | None = Field(default=None, min_length=1, max_length=200)
    """Default: the skill's."""
    description: Text | None = Field(default=None, max_length=4000)
    """Default: the skill's."""
    marketing: dict[str, Any] | None = None
    """Default: what the skill's `skill.yaml` says under `marketing`."""
    notes: Text = Field(default="", max_length=4000)
    """About its first version."""

    @model_validator(mode="after")
    def _pins_or_follows(self) -> Self:
        if self.follows_active and self.version is not None:
            raise ValueError("Give either `version` or `follows_active`: a listing is pinned, or it follows")
        return self


class ListingUpdate(BaseModel):
    """Body of `PATCH /v1/marketplace/listings/{listing}`: what is left out stays."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    title: Text | None = Field(default=None, min_length=1, max_length=200)
    description: Text | None = Field(default=None, max_length=4000)
    marketing: dict[str, Any] | None = None
    price_micros: int | None = Field(default=None, ge=0, le=MAX_PRICE_MICROS)
    """For jobs that are submitted from now on."""
    follows_active: bool | None = None
    shows_approvals: bool | None = None
    status: Literal["published", "taken_down"] | None = None
    """`published`: others see and run it. `taken_down`: nobody starts a run any more; those that are there end."""


class ListingVersionCreate(BaseModel):
    """Body of `POST /v1/marketplace/listings/{listing}/versions`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """Of the skillpack; default: the active one."""
    notes: Text = Field(default="", max_length=4000)
    """What callers should know about it."""


class Answer(BaseModel):
    """What is told about a listing."""

    model_config = ConfigDict(use_attribute_docstrings=True)


class ListingSummary(Answer):
    """A listing in a list."""

    id: UUID
    slug: str
    publisher: str
    """Name of the project that offers it."""
    is_own: bool
    """Whether it is the project's own: its runs of it cost no price."""
    title: str
    description: str
    status: ListingStatus
    price_micros: int
    """Beside what a run costs, for each that succeeds."""
    price_usd: float
    version: int
    """The newest one."""
    follows_active: bool
    """Whether new versions of the publisher's come by themselves; pin `version` in your jobs to choose."""
    shows_approvals: bool
    """Whether runs may ask their callers to approve calls of tools."""
    published_at: datetime | None
    updated_at: datetime


class Access(Answer):
    """What the publisher's code is given when somebody runs it."""

    inputs: str
    drive: str
    network: Literal["none", "public"] | list[str]
    """Where the code may send what it is given."""
    servers: list[str]
    """MCP servers that its agent uses."""
    secrets: str


class ListingRead(ListingSummary):
    """A listing, as those who may run it see it."""

    marketing: dict[str, Any]
    skill: str
    type: Literal["agentic", "deterministic"]
    model: str | None
    """Of an agent; none: the instance's own choice."""
    media_kinds: list[str]
    """What it may buy from media models."""
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    examples: list[dict[str, Any]]
    timeout_s: float | None
    cap_micros: int
    """The most that a run may cost, its price included; `limits.cost_usd` of a job lowers it. The wallet has to hold
    it before a run begins."""
    access: Access
    deployment_version: int | None
    """For the publisher alone."""


class ListingVersionRead(Answer):
    """What a listing runs from some moment on."""

    number: int
    notes: str
    is_breaking: bool
    """Callers of the version before may have to change something; `changes` say what."""
    changes: list[dict[str, Any]]
    """Of its schemas, against the version before: `{place, message, is_breaking}`."""
    is_available: bool
    """Whether it can still be run."""
    created_at: datetime
    deployment_version: int | None
    """For the publisher alone."""


class SalesRead(Answer):
    """What has come of a listing: sums, and nobody's name."""

    listing_id: UUID
    slug: str
    callers: int
    """Projects that have run it."""
    runs: int
    """That have ended, without those of the publisher's own."""
    succeeded: int
    charged_micros: int
    """Prices that callers paid."""
    earned_micros: int
    """What of it the publisher's wallet got: the rest is the operator's share."""
    earned_usd: float
