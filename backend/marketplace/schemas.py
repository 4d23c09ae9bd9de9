"""Define the requests and responses of the routes of the marketplace."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import ClosedSchema, Text

ListingStatus = Literal["draft", "published", "taken_down"]
MAX_PRICE_MICROS = 1_000_000_000
"""1,000 USD for a run. A higher price is most likely a mistake."""


class ListingCreate(ClosedSchema):
    """Body of `POST /v1/marketplace/listings`."""

    slug: Text = Field(min_length=1, max_length=64)
    """Its unique name in the instance: letters, digits, `-`, `_`. It cannot be changed."""
    skill: Text = Field(min_length=1, max_length=200)
    """The skill to offer: `resize`, or `skillpack/resize`."""
    skillpack: Text | None = Field(default=None, max_length=200)
    """ID or slug, if several skillpacks have the skill."""
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """The version of the skillpack that callers use until another is added. Default: the active version."""
    follows_active: bool = False
    """Add every version that the skillpack activates automatically."""
    shows_approvals: bool = False
    """Runs may ask their callers for approvals, which show them the tool and its arguments. Required if a run
    can ask: the bundle has `confirm: true`, or a guardrail with `action: approve`."""
    price_micros: int = Field(default=0, ge=0, le=MAX_PRICE_MICROS)
    """Price of each run that succeeds, in millionths of a dollar."""
    title: Text | None = Field(default=None, min_length=1, max_length=200)
    """Default: the title of the skill."""
    description: Text | None = Field(default=None, max_length=4000)
    """Default: the description of the skill."""
    marketing: dict[str, Any] | None = None
    """Default: `marketing` in the skill's `skill.yaml`."""
    notes: Text = Field(default="", max_length=4000)
    """Notes on its first version."""

    @model_validator(mode="after")
    def _pins_or_follows(self) -> Self:
        if self.follows_active and self.version is not None:
            raise ValueError("Use either `version` or `follows_active`")
        return self


class ListingUpdate(ClosedSchema):
    """Body of `PATCH /v1/marketplace/listings/{listing}`. Omitted fields are not changed."""

    title: Text | None = Field(default=None, min_length=1, max_length=200)
    description: Text | None = Field(default=None, max_length=4000)
    marketing: dict[str, Any] | None = None
    price_micros: int | None = Field(default=None, ge=0, le=MAX_PRICE_MICROS)
    """Price for jobs that are submitted from now on."""
    follows_active: bool | None = None
    shows_approvals: bool | None = None
    status: Literal["published", "taken_down"] | None = None
    """`published`: other projects see and run it. `taken_down`: no new runs; running ones finish."""


class ListingVersionCreate(ClosedSchema):
    """Body of `POST /v1/marketplace/listings/{listing}/versions`."""

    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """Version of the skillpack. Default: the active version."""
    notes: Text = Field(default="", max_length=4000)
    """Notes for callers."""


class _Read(Schema):
    """A response about a listing."""


class ListingSummary(_Read):
    """A listing in a list."""

    id: UUID
    slug: str
    publisher: str
    """Name of the project that offers it."""
    is_own: bool
    """Whether it belongs to the project, which runs it without the price."""
    title: str
    description: str
    status: ListingStatus
    price_micros: int
    """Price of each run that succeeds, in addition to the cost of the run."""
    price_usd: float
    version: int
    """The newest version."""
    follows_active: bool
    """Whether new versions of the publisher are added automatically. Pin `version` in your jobs to choose one."""
    shows_approvals: bool
    """Whether runs may ask their callers to approve tool calls."""
    published_at: datetime | None
    updated_at: datetime


class Access(_Read):
    """The access of the publisher's code in a run."""

    inputs: str
    drive: str
    network: Literal["none", "public"] | list[str]
    """Hosts to which the code may send the data that it receives: those of the skill, and of all skills of its bundle
    that it may call."""
    servers: list[str]
    """MCP servers that its agents use."""
    secrets: str


class ListingRead(ListingSummary):
    """A listing for those who may run it."""

    marketing: dict[str, Any]
    skill: str
    type: Literal["agentic", "deterministic", "flow"]
    model: str | None
    """Model of an agent. None: the instance chooses it."""
    media_kinds: list[str]
    """Kinds of media that it may generate."""
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    examples: list[dict[str, Any]]
    timeout_s: float | None
    cap_micros: int
    """The maximum cost of a run, including its price. `limits.cost_usd` of a job lowers it. The wallet must contain it
    before a run starts."""
    access: Access
    deployment_version: int | None
    """Only for the publisher."""


class ListingVersionRead(_Read):
    """A version of a listing."""

    number: int
    notes: str
    is_breaking: bool
    """Callers of the previous version may have to change something, see `changes`."""
    changes: list[dict[str, Any]]
    """Changes of its schemas since the previous version: `{place, message, is_breaking}`."""
    is_available: bool
    """Whether it can still be run."""
    created_at: datetime
    deployment_version: int | None
    """Only for the publisher."""


class SalesRead(_Read):
    """Sales of a listing as sums, without names."""

    listing_id: UUID
    slug: str
    callers: int
    """Projects that have run it."""
    runs: int
    """Runs that have ended, without the publisher's own."""
    succeeded: int
    charged_micros: int
    """Prices that callers paid."""
    earned_micros: int
    """The publisher's share. The rest is the operator's."""
    earned_usd: float
