"""Authenticate API keys: `puras_live_<prefix>.<secret>` for servers, `puras_pub_<prefix>.<secret>` for browsers.

The prefix is stored in plaintext to find the key. Of the secret only its SHA-256 is stored: it has 190 random bits, so
a slow hash would add no protection.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, Select, bindparam, literal_column, select
from sqlmodel import col

from backend.config.quotas import REQUESTS
from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.identity.auth import recent_keys
from backend.identity.auth.errors import InvalidKey
from backend.identity.auth.principal import Kind, Principal, Rates, Role
from backend.identity.auth.scopes import KeyKind, effective, possible
from backend.identity.environments import PRODUCTION, PROJECT_WIDE
from backend.identity.tables import ApiKey, Project

LABEL: Final = "key:"
"""Start of the label of a key; its prefix follows."""
_KINDS_BY_PREFIX: Final[dict[str, KeyKind]] = {"live": "secret", "pub": "publishable"}
_PATTERN: Final = re.compile(r"puras_(live|pub)_([A-Za-z0-9]{8})\.([A-Za-z0-9]{32})")
_PRINCIPAL_KINDS: Final[dict[str, Kind]] = {"secret": "secret_key", "publishable": "publishable_key"}
_ROLES: Final = {"secret": Role.ADMIN, "publishable": Role.DEVELOPER}
"""The maximum role of a key; a publishable key is limited to its two scopes as well."""
_DUMMY_HASH: Final = hashlib.sha256(b"").hexdigest()
"""Compared when no key has the prefix, so that both cases take the same time."""


async def authenticate(reader: AnySession, plaintext: str) -> Principal:
    """Return the principal of the key.

    Raises:
        InvalidKey: The text is not an API key, or the key is unknown, revoked or expired.
    """
    try:
        return await _authenticate(reader, plaintext)
    except InvalidKey:
        recent_keys.forget(plaintext)
        raise


async def _authenticate(reader: AnySession, plaintext: str) -> Principal:
    match = _PATTERN.fullmatch(plaintext)
    if match is None:
        raise InvalidKey(
            "This is not an API key. Keys look like puras_live_xxxxxxxx.…, including the part after the dot."
        )
    kind_prefix, prefix, secret = match.groups()
    key = (await reader.execute(_FIND, {"prefix": prefix})).one_or_none()
    is_correct = hmac.compare_digest(key.secret_hash if key else _DUMMY_HASH, hash_secret(secret))
    if key is None or not is_correct or key.kind != _KINDS_BY_PREFIX[kind_prefix]:
        raise InvalidKey(
            f"No API key 'puras_{kind_prefix}_{prefix}.…' exists here. Check it, or create a new one."
        )
    _reject_inactive(key, prefix)
    principal = _principal(key, prefix)
    recent_keys.remember(plaintext, principal, key.configuration_stamp)
    return principal


_COLUMNS: Final[tuple[Any, ...]] = (
    col(ApiKey.id),
    col(ApiKey.project_id),
    col(ApiKey.kind),
    col(ApiKey.prefix),
    col(ApiKey.secret_hash),
    col(ApiKey.scopes),
    col(ApiKey.skill_allowlist),
    col(ApiKey.daily_cap_micros),
    col(ApiKey.expires_at),
    col(ApiKey.revoked_at),
    col(ApiKey.requests_per_minute),
    col(ApiKey.first_key_id),
    literal_column("""case when api_keys.first_key_id is not null then array(
      select k.id from api_keys k
      where k.project_id = api_keys.project_id and k.first_key_id = api_keys.first_key_id
    ) end""").label("key_ids"),
    col(ApiKey.environment),
    col(Project.limits).label("project_limits"),
    col(Project.own_limits).label("own_project_limits"),
    literal_column(
        "(select c.stamp from configuration_stamps c where c.project_id = api_keys.project_id)"
    ).label("configuration_stamp"),
)
_KEYS: Final[Select[*tuple[Any, ...]]] = (
    select(*_COLUMNS)
    .join(Project, col(Project.id) == col(ApiKey.project_id))
    .where(col(Project.deleted_at).is_(None))
)
_FIND: Final = _KEYS.where(col(ApiKey.prefix) == bindparam("prefix"))
_FIND_BY_ID: Final = _KEYS.where(
    col(ApiKey.id) == bindparam("key_id"), col(ApiKey.project_id) == bindparam("project_id")
)


def _reject_inactive(key: Row[*tuple[Any, ...]], prefix: str) -> None:
    if key.revoked_at is not None:
        raise InvalidKey(
            f"The API key {prefix!r} was revoked on {key.revoked_at:%Y-%m-%d}. Create a new one."
        )
    if key.expires_at is not None and key.expires_at <= now():
        raise InvalidKey(f"The API key {prefix!r} expired on {key.expires_at:%Y-%m-%d}. Create a new one.")


async def find_principal(session: AnySession, *, key_id: UUID, project_id: UUID) -> Principal | None:
    """Return the current principal of the key; `None` if it is revoked, expired or not of the project."""
    key = (await session.execute(_FIND_BY_ID, {"key_id": key_id, "project_id": project_id})).one_or_none()
    if key is None:
        return None
    try:
        _reject_inactive(key, key.prefix)
    except InvalidKey:
        return None
    return _principal(key, key.prefix)


def scopes_of(key: ApiKey | Row[*tuple[Any, ...]]) -> frozenset[str] | None:
    """Return the effective scopes of the key; `None`: no restriction."""
    scopes = own_scopes_of(key)
    if key.environment == PRODUCTION:
        return scopes
    kind: KeyKind = "publishable" if key.kind == "publishable" else "secret"
    return (possible(kind) if scopes is None else scopes) - PROJECT_WIDE


def own_scopes_of(key: ApiKey | Row[*tuple[Any, ...]]) -> frozenset[str] | None:
    """Return the scopes of the key without the restriction of its environment; `None`: no restriction."""
    is_restricted = (
        bool(key.skill_allowlist) or key.daily_cap_micros is not None or key.expires_at is not None
    )
    kind: KeyKind = "publishable" if key.kind == "publishable" else "secret"
    return effective(kind, key.scopes, is_restricted=is_restricted)


def _principal(key: Row[*tuple[Any, ...]], prefix: str) -> Principal:
    return Principal(
        kind=_PRINCIPAL_KINDS[key.kind],
        id=key.id,
        project_id=key.project_id,
        label=f"{LABEL}{prefix}",
        role=_ROLES[key.kind],
        scopes=scopes_of(key),
        skill_allowlist=frozenset(key.skill_allowlist),
        daily_cap_micros=key.daily_cap_micros,
        expires_at=key.expires_at,
        rates=Rates(
            key.requests_per_minute,
            key.project_limits.get(REQUESTS),
            key.own_project_limits.get(REQUESTS),
        ),
        environment=key.environment,
        first_key_id=key.first_key_id,
        key_ids=tuple(key.key_ids or ()),
    )


def hash_secret(secret: str) -> str:
    """Return the hash that is stored of the secret of a key."""
    return hashlib.sha256(secret.encode()).hexdigest()
