"""Schemas of the routes of API keys."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from backend.core.attribute_docstrings import Schema
from backend.core.schemas import RequestBody
from backend.identity.api_keys import keys
from backend.identity.auth.key_authentication import scopes_of
from backend.identity.auth.schemas import ReadModel
from backend.identity.auth.scopes import OF_PUBLISHABLE, PRESETS, SCOPES, KeyKind
from backend.identity.environments import PRODUCTION, PROJECT_WIDE, Environment
from backend.identity.tables import ApiKey

MAX_MICROS = 2**53
MAX_REQUESTS = 10_000_000
"""Per minute: more than any instance serves."""


ScopeNames = Annotated[
    list[str],
    Field(max_length=len(SCOPES), json_schema_extra={"items": {"type": "string", "enum": list(SCOPES)}}),
]
"""Names of scopes; which of them a key can have depends on its kind."""


class ScopeRead(Schema):
    """A scope of API keys."""

    name: str
    description: str
    publishable: bool
    """Whether publishable keys can have it."""
    production_only: bool
    """Whether only keys of production can have it, since all environments share what it concerns."""


class ScopePresetRead(Schema):
    """A usual selection of scopes for a secret key."""

    name: str
    title: str
    description: str
    scopes: list[str]
    """Empty: full access."""


class ScopesRead(Schema):
    """The scopes of API keys, and presets of them."""

    scopes: list[ScopeRead]
    presets: list[ScopePresetRead]
    """The narrowest one first."""

    @classmethod
    def all_(cls) -> Self:
        """Return all scopes and presets."""
        scopes = [
            ScopeRead(
                name=name,
                description=description,
                publishable=name in OF_PUBLISHABLE,
                production_only=name in PROJECT_WIDE,
            )
            for name, description in SCOPES.items()
        ]
        presets = [ScopePresetRead(**{**one._asdict(), "scopes": list(one.scopes)}) for one in PRESETS]
        return cls(scopes=scopes, presets=presets)


class ApiKeyCreate(RequestBody):
    """A new API key."""

    kind: KeyKind = "secret"
    """`secret` for servers; `publishable` for browsers, which may submit and read their own jobs."""
    name: str = Field(default="", max_length=200)
    environment: Environment = PRODUCTION
    """The environment of its jobs. A key of `development` or `staging` cannot change what all environments share, such
    as members or webhooks."""
    scopes: ScopeNames = Field(default_factory=list)
    """Permissions of the key. Empty: everything that the kind can do, unless the key has a list of skills, a daily cap
    or an expiry; then `jobs:submit`, `jobs:read_own` and `jobs:write`."""
    skill_allowlist: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=200
    )
    """Skills that it may run: `skill` of the default skillpack, `skillpack/skill`, or `*/skill` of all skillpacks;
    empty: all skills."""
    daily_cap_micros: int | None = Field(default=None, ge=0, le=MAX_MICROS)
    """Maximum micro-dollars that its jobs may spend per day."""
    requests_per_minute: int | None = Field(default=None, ge=1, le=MAX_REQUESTS)
    """Maximum requests per minute, if lower than the limit of all keys."""
    expires_at: AwareDatetime | None = None
    replaces: UUID | None = None
    """ID of a key of the same kind, valid or revoked, which this one replaces: it sees the jobs and sessions of that
    key and of its end users. Revoke the old key when your servers use the new one."""


class ApiKeyUpdate(RequestBody):
    """Changes of an API key; omitted fields do not change."""

    scopes: ScopeNames | None = None
    """Replaces the scopes of the key; empty: as for a new key without scopes."""
    unrestricted: bool = False
    """Must be true with an empty list of `scopes` if these were the only restriction of a secret key, since the key
    gets full access."""
    requests_per_minute: int | None = Field(default=None, ge=1, le=MAX_REQUESTS)
    """`null`: the limit of all keys."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Send `scopes`, `requests_per_minute` or both")
        if self.unrestricted and self.scopes != []:
            raise ValueError("`unrestricted` is for an empty list of `scopes`")
        return self

    def as_changes(self) -> keys.Changes:
        """Return the changes in the form of the service."""
        is_reset = "requests_per_minute" in self.model_fields_set and self.requests_per_minute is None
        return keys.Changes(self.scopes, self.unrestricted, self.requests_per_minute, is_reset)


class ApiKeyRead(ReadModel):
    """An API key, without its secret."""

    id: UUID
    kind: KeyKind
    name: str
    environment: Environment
    prefix: str
    scopes: list[str]
    """Scopes that were set for the key."""
    effective_scopes: list[str] | None
    """Scopes that apply, with those that they include; `null`: everything that its kind can do."""
    skill_allowlist: list[str]
    daily_cap_micros: int | None
    requests_per_minute: int | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, row: ApiKey) -> ApiKeyRead:
        """Return the response for a key."""
        values = {name: getattr(row, name) for name in ApiKeyRead.model_fields if name != "effective_scopes"}
        scopes = scopes_of(row)
        return ApiKeyRead(effective_scopes=None if scopes is None else sorted(scopes), **values)


class ApiKeyCreated(ApiKeyRead):
    """A new API key; `key` is returned only once."""

    key: str

    @classmethod
    def of_new(cls, row: ApiKey, plaintext: str) -> ApiKeyCreated:
        """Return the response for a new key."""
        return cls(key=plaintext, **ApiKeyRead.of(row).model_dump())
