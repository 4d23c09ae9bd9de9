"""Define the requests and responses of the routes of memory."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, computed_field

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import DEPRECATED, RequestBody

MemoryType = Literal["semantic", "episodic", "procedural"]
MemoryScope = Literal["entity", "skillpack", "workspace"]
MemoryState = Literal["live", "stale", "superseded", "forgotten", "all"]
MemorySort = Literal[
    "updated_at",
    "-updated_at",
    "title",
    "-title",
    "kind",
    "-kind",
    "key",
    "-key",
    "written_by",
    "-written_by",
]
"""The order of a list of records; `-` for descending."""
MAX_RESULTS = 50


class MemoryPut(RequestBody):
    """A record to write."""

    kind: str = Field(min_length=1, max_length=100, pattern=r"^[\w][\w .:/-]*$")
    """A category of your choice, in one word: `customer`, `brand`, `lesson`."""
    record: dict[str, Any]
    """The content, at most 64 KiB as JSON."""
    entity_key: str | None = Field(default=None, min_length=1, max_length=2000)
    """Key of the subject: a name of your choice, `url:<URL>`, `img:<sha256>` or `fp:<sha256>`. A record of
    the same kind and key is replaced, and its version increases by one. Without a key, and for the type
    `episodic`, each write creates a record."""
    mtype: MemoryType = "semantic"
    """`semantic`: a fact. `episodic`: an event. `procedural`: how something is done."""
    scope: MemoryScope | None = None
    """Which skills can find it. `entity`: all skills that use the key. `workspace`: all skills. `skillpack`:
    the skills of one skillpack. Default: `entity` with a key; without one, `skillpack` for a job and
    `workspace` for other callers."""
    skillpack: str | None = Field(default=None, max_length=200)
    """ID or slug, for the scope `skillpack`. A job uses its own skillpack."""
    title: str | None = Field(default=None, max_length=300)
    """This field and the following ones keep their values if they are omitted when a record is replaced."""
    summary: str | None = Field(default=None, max_length=4000)
    tags: list[str] | None = Field(default=None, max_length=50)
    importance: float | None = Field(default=None, ge=0, le=1)
    """Default 0.5."""
    supersedes: UUID | None = None
    """A record that this one replaces. That record remains stored, but searches do not return it."""
    content_hash: str | None = Field(default=None, min_length=1, max_length=128)
    """Hash of the source content, by which the record can be found."""
    source_url: str | None = Field(default=None, max_length=2000)
    aliases: list[str] | None = Field(default=None, max_length=50)
    """Other keys of the same entity."""
    pinned: bool | None = None
    """Include it in every digest, and rank it higher in searches."""
    stale_at: datetime | None = None
    """The time from which searches mark it as not fresh, and digests omit it."""
    if_version: int | None = Field(default=None, ge=0)
    """Replace only this version; 0: write only if there is no record."""
    key: str | None = Field(default=None, min_length=1, max_length=255)
    """In a job: calls with the same key have one effect."""


class MemoryWritten(BaseModel):
    """A record that was written."""

    id: UUID
    version: int
    created: bool
    """False: a record was replaced."""


class MemorySearch(RequestBody):
    """A search. `kind`, `mtype` and `scope` filter. Key, hash and query each find records; the results are fused."""

    query: str | None = Field(default=None, max_length=4000)
    key: str | None = Field(default=None, min_length=1, max_length=2000)
    """A key or an alias."""
    content_hash: str | None = Field(default=None, min_length=1, max_length=128)
    """Finds records made from this content. Records with another hash that the key finds have `fresh: false`."""
    kind: str | None = Field(default=None, min_length=1, max_length=100)
    mtype: MemoryType | None = None
    scope: MemoryScope | None = None
    limit: int = Field(default=8, ge=1, le=MAX_RESULTS)


class MemoryFilter(BaseModel):
    """Selects the records of a list."""

    model_config = ConfigDict(use_attribute_docstrings=True)  # FastAPI describes parameters with its fields

    state: MemoryState = "live"
    kind: str | None = Field(default=None, min_length=1, max_length=100)
    mtype: MemoryType | None = None
    scope: MemoryScope | None = None
    skillpack: str | None = Field(default=None, min_length=1, max_length=200)
    key: str | None = Field(default=None, min_length=1, max_length=2000)
    """A key or an alias."""
    job_id: UUID | None = None
    """Records that this job wrote last."""
    pinned: bool | None = None


class MemoryListQuery(MemoryFilter):
    """Selects and sorts the records of a list."""

    sort: MemorySort = "-updated_at"
    """The order; `-` for descending. `title` is the key or the kind of records without a title."""


class MemoryId(RequestBody):
    """A record, and the reason to forget it."""

    id: UUID
    reason: str = Field(default="", max_length=500)


class MemoryRead(Schema):
    """A record."""

    model_config = ConfigDict(from_attributes=True)

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
    forgotten_reason: str = Field(validation_alias=AliasChoices("forgotten_reason", "forgotten_why"))
    job_id: UUID | None
    """The job that wrote this version. It may be deleted."""
    written_by: str
    created_at: datetime
    updated_at: datetime

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def forgotten_why(self) -> str:
        """The former name of `forgotten_reason`. Removed in 0.3."""
        return self.forgotten_reason


class MemoryFound(MemoryRead):
    """A record that a search found."""

    score: float
    """Higher is better. Scores are comparable within one search."""
    fresh: bool
    """False: it is past its `stale_at`, or was made from content with another hash than `content_hash`."""


class MemoryResults(BaseModel):
    """The results of a search, the best first."""

    count: int
    results: list[MemoryFound]
    is_semantic: bool
    """Whether the search used the meaning in addition to words."""

    @computed_field(json_schema_extra=DEPRECATED)  # type: ignore[prop-decorator]
    @property
    def by_meaning(self) -> bool:
        """The former name of `is_semantic`. Removed in 0.3."""
        return self.is_semantic


class MemoryChangeRead(BaseModel):
    """One change of a record."""

    model_config = ConfigDict(from_attributes=True)

    action: Literal["put", "forget"]
    version: int
    created: bool
    job_id: UUID | None
    written_by: str
    reason: str
    at: datetime
