"""What the routes of memory take and answer."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from backend.core.schemas import Asked

MemoryType = Literal["semantic", "episodic", "procedural"]
MemoryScope = Literal["entity", "skillpack", "workspace"]
MemoryState = Literal["live", "stale", "superseded", "forgotten", "all"]
MAX_RESULTS = 50


class MemoryPut(Asked):
    """Something to remember."""

    kind: str = Field(min_length=1, max_length=100, pattern=r"^[\w][\w .:/-]*$")
    """What sort of thing it is, in a word of your own: `customer`, `brand`, `lesson`."""
    record: dict[str, Any]
    """The thing itself, at most 64 KiB as JSON."""
    entity_key: str | None = Field(default=None, min_length=1, max_length=2000)
    """What it is about: a name of your own, `url:<address>`, `img:<sha256>` or `fp:<sha256>`. A record of the same kind
    and key is replaced, its version one higher; without a key, and for episodes, there is a new record each time."""
    mtype: MemoryType = "semantic"
    """`semantic` what is so, `episodic` what happened, `procedural` how something is done."""
    scope: MemoryScope | None = None
    """For whom: `entity` all skills, wherever they meet the key; `workspace` all skills; `skillpack` those of one.
    Default: `entity` with a key; without one `skillpack` for a job, and `workspace` for everybody else."""
    skillpack: str | None = Field(default=None, max_length=200)
    """Id or slug, for the scope `skillpack`; a job's is its own."""
    title: str | None = Field(default=None, max_length=300)
    """This and what follows stays as it was when it is left out and the record is there."""
    summary: str | None = Field(default=None, max_length=4000)
    tags: list[str] | None = Field(default=None, max_length=50)
    importance: float | None = Field(default=None, ge=0, le=1)
    """Default 0.5."""
    supersedes: UUID | None = None
    """A record that this one takes the place of: it is not found any more, but kept."""
    content_hash: str | None = Field(default=None, min_length=1, max_length=128)
    """Of the content that it was made from, to find it by."""
    source_url: str | None = Field(default=None, max_length=2000)
    aliases: list[str] | None = Field(default=None, max_length=50)
    """Other keys of the same thing."""
    pinned: bool | None = None
    """Is in every digest, and found first."""
    stale_at: datetime | None = None
    """From then on it is shown as not fresh, and in no digest."""
    if_version: int | None = Field(default=None, ge=0)
    """Write only over this version; 0: only if there is none."""
    key: str | None = Field(default=None, min_length=1, max_length=255)
    """In a job: the same key is the same call, which is done once."""


class MemoryWritten(BaseModel):
    """What was written."""

    id: UUID
    version: int
    created: bool
    """False: a record was replaced."""


class MemorySearch(Asked):
    """What to look for: `kind`, `mtype` and `scope` have to fit; key, hash and query each find, and are fused."""

    query: str | None = Field(default=None, max_length=4000)
    key: str | None = Field(default=None, min_length=1, max_length=2000)
    """A key or an alias."""
    content_hash: str | None = Field(default=None, min_length=1, max_length=128)
    """Finds records made from this content; records of another hash that the key finds have `fresh: false`."""
    kind: str | None = Field(default=None, min_length=1, max_length=100)
    mtype: MemoryType | None = None
    scope: MemoryScope | None = None
    limit: int = Field(default=8, ge=1, le=MAX_RESULTS)


class MemoryFilter(BaseModel):
    """Which records a list shows."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    state: MemoryState = "live"
    kind: str | None = Field(default=None, min_length=1, max_length=100)
    mtype: MemoryType | None = None
    scope: MemoryScope | None = None
    skillpack: str | None = Field(default=None, min_length=1, max_length=200)
    key: str | None = Field(default=None, min_length=1, max_length=2000)
    """A key or an alias."""
    job_id: UUID | None = None
    """Those that this job wrote last."""
    pinned: bool | None = None


class MemoryId(Asked):
    """Which record, and why it is forgotten."""

    id: UUID
    reason: str = Field(default="", max_length=500)


class MemoryRead(BaseModel):
    """One thing that is remembered."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    id: UUID
    kind: str
    mtype: MemoryType
    scope: MemoryScope
    skillpack_id: UUID | None
    entity_key: str | None
    aliases: list[str]
    title: str
    summary: str
    record: dict[str, Any]
    tags: list[str]
    importance: float
    pinned: bool
    content_hash: str | None
    source_url: str | None
    version: int
    stale_at: datetime | None
    superseded_by: UUID | None
    forgotten_at: datetime | None
    forgotten_why: str
    job_id: UUID | None
    """The job that wrote this version; it may be gone."""
    written_by: str
    created_at: datetime
    updated_at: datetime


class MemoryFound(MemoryRead):
    """One thing that was looked for."""

    score: float
    """Higher is better; it compares the results of one search alone."""
    fresh: bool
    """False: it is past its `stale_at`, or was made from other content than that of the given `content_hash`."""


class MemoryResults(BaseModel):
    """What a search found, best first."""

    count: int
    results: list[MemoryFound]
    by_meaning: bool
    """Whether it looked for meaning as well as words."""


class MemoryChangeRead(BaseModel):
    """One writing of a record."""

    model_config = ConfigDict(from_attributes=True)

    action: Literal["put", "forget"]
    version: int
    created: bool
    job_id: UUID | None
    written_by: str
    reason: str
    at: datetime
