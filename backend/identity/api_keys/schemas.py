"""What the routes of API keys take and return."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AwareDatetime, Field, model_validator

from backend.core.schemas import Asked
from backend.identity.api_keys import keys
from backend.identity.auth.key_authentication import scopes_of
from backend.identity.auth.schemas import Answer
from backend.identity.auth.scopes import SCOPES, KeyKind
from backend.identity.tables import ApiKey

MAX_MICROS = 2**53
MAX_REQUESTS = 10_000_000
"""A minute: more than any instance answers."""


ScopeNames = Annotated[
    list[str],
    Field(max_length=len(SCOPES), json_schema_extra={"items": {"type": "string", "enum": list(SCOPES)}}),
]
"""Names of scopes; the kind of the key decides which of them it can have."""


class ApiKeyCreate(Asked):
    """A key to be made."""

    kind: KeyKind = "secret"
    """`secret` for servers; `publishable` for browsers, which may submit and read their own jobs."""
    name: str = Field(default="", max_length=200)
    scopes: ScopeNames = Field(default_factory=list)
    """All that the key can do. Empty: everything that the kind can, unless the key has a list of skills, a daily cap or
    an expiry; then `jobs:submit`, `jobs:read_own` and `jobs:write`."""
    skill_allowlist: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=200
    )
    """Skills that it may run: `skill` of the default skillpack, `skillpack/skill`, or `*/skill` in every one; empty:
    all."""
    daily_cap_micros: int | None = Field(default=None, ge=0, le=MAX_MICROS)
    """Most micro-dollars that its jobs may spend in a day."""
    requests_per_minute: int | None = Field(default=None, ge=1, le=MAX_REQUESTS)
    """Most requests that it may send, where that is less than what every key may."""
    expires_at: AwareDatetime | None = None


class ApiKeyUpdate(Asked):
    """What to change in a key; what is left out stays."""

    scopes: ScopeNames | None = None
    """All that the key can do from now on, in place of its scopes; empty: as for a new key without scopes."""
    unrestricted: bool = False
    """Must be true with an empty list of `scopes` if these were the only limit of a secret key: it gets full access."""
    requests_per_minute: int | None = Field(default=None, ge=1, le=MAX_REQUESTS)
    """`null`: what every key may send."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Give `scopes`, `requests_per_minute` or both")
        if self.unrestricted and self.scopes != []:
            raise ValueError("`unrestricted` is for an empty list of `scopes`")
        return self

    def as_changes(self) -> keys.Changes:
        """Return what the service is asked to change."""
        is_reset = "requests_per_minute" in self.model_fields_set and self.requests_per_minute is None
        return keys.Changes(self.scopes, self.unrestricted, self.requests_per_minute, is_reset)


class ApiKeyRead(Answer):
    """An API key, without its secret."""

    id: UUID
    kind: KeyKind
    name: str
    prefix: str
    scopes: list[str]
    """Those that it was given."""
    effective_scopes: list[str] | None
    """All that it can do, with what its scopes include; `null`: everything that its kind can."""
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
        """Return the answer for a key."""
        values = {name: getattr(row, name) for name in ApiKeyRead.model_fields if name != "effective_scopes"}
        scopes = scopes_of(row)
        return ApiKeyRead(effective_scopes=None if scopes is None else sorted(scopes), **values)


class ApiKeyCreated(ApiKeyRead):
    """A key that was just made; `key` is shown this once."""

    key: str

    @classmethod
    def of_new(cls, row: ApiKey, clear_text: str) -> ApiKeyCreated:
        """Return the answer for a new key."""
        return cls(key=clear_text, **ApiKeyRead.of(row).model_dump())
