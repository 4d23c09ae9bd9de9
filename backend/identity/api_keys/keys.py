"""Create, change, list and revoke the API keys of a project.

A key is shown once, when it is created. `auth/key_authentication.py` describes what is stored of it.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import Quota, Quotas
from backend.core.clock import now
from backend.core.db.paging import Page, Slice, TimePosition
from backend.core.errors import Invalid, NotAllowed, Problem
from backend.identity.auth import audit, skill_allowlist
from backend.identity.auth.actors import OPERATOR_LABEL, operator
from backend.identity.auth.errors import KeyNotFound, KeyWouldBeUnrestricted
from backend.identity.auth.key_authentication import LABEL, hash_secret, own_scopes_of
from backend.identity.auth.principal import Principal, visible
from backend.identity.auth.scopes import KeyKind, possible
from backend.identity.environments import PRODUCTION, PROJECT_WIDE, Environment
from backend.identity.limits.errors import LimitAboveCeiling
from backend.identity.limits.quota_check import require_quota
from backend.identity.tables import ApiKey

_ALPHABET: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class NewKey:
    """A new key with its plaintext, which cannot be read again."""

    key: ApiKey
    plaintext: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Restrictions of a key."""

    scopes: Sequence[str] = ()
    """Scopes of the key. Empty: everything that its kind can do, or `RESTRICTED` if it is restricted otherwise."""
    skill_allowlist: Sequence[str] = ()
    """Empty: every skill."""
    daily_cap_micros: int | None = None
    expires_at: datetime | None = None
    requests_per_minute: int | None = None
    """Limit of this key, if lower than that of all keys."""


async def create(
    session: AsyncSession,
    principal: Principal | None,
    *,
    project_id: UUID,
    kind: KeyKind = "secret",
    name: str = "",
    environment: Environment = PRODUCTION,
    limits: Limits | None = None,
    replaces: UUID | None = None,
    quotas: Quotas | None = None,
    max_requests_per_minute: int | None = None,
) -> NewKey:
    """Create a key of the project. Without a principal the operator creates it; without quotas none is checked.

    `max_requests_per_minute` is the limit of all keys; the limit of one key must not be higher. A key that replaces
    another one sees the jobs and sessions of that key, which stays valid until it is revoked.

    Raises:
        NotAllowed: The principal is itself a restricted key, which could extend its permissions.
        KeyNotFound: The project has no key to replace with this ID.
        Invalid: A scope does not exist or is not for this kind of key or this environment, the expiry is in the past,
            or the key to replace belongs to another environment.
        LimitAboveCeiling: The key's limit of requests is above that of all keys.
        QuotaReached: The project has the maximum number of keys.
    """
    by = principal or operator(project_id)
    limits = limits or Limits()
    _reject_restricted(by)
    by.require_environment(environment)
    _check(kind, limits, environment)
    _check_rate(limits.requests_per_minute, max_requests_per_minute)
    await require_quota(
        session, by, Quota.API_KEYS, quotas, visible(ApiKey, by).where(col(ApiKey.revoked_at).is_(None))
    )
    replaced = None if replaces is None else await _replaced(session, by, replaces, kind, environment)
    kind_prefix = "live" if kind == "secret" else "pub"
    prefix, secret = _random(8), _random(32)
    key = ApiKey(
        project_id=project_id,
        kind=kind,
        name=name.strip(),
        prefix=prefix,
        secret_hash=hash_secret(secret),
        scopes=sorted(set(limits.scopes)),
        skill_allowlist=sorted(set(limits.skill_allowlist)),
        daily_cap_micros=limits.daily_cap_micros,
        requests_per_minute=limits.requests_per_minute,
        expires_at=limits.expires_at,
        created_by=by.label if principal else OPERATOR_LABEL,
        environment=environment,
        first_key_id=None if replaced is None else replaced.first_key_id,
    )
    session.add(key)
    await session.flush()
    facts = {} if replaced is None else {"replaces": f"{LABEL}{replaced.prefix}"}
    if environment != PRODUCTION:
        facts["environment"] = environment
    await audit.record(
        session, by, "api_key.created", f"key:{prefix}", kind=kind, name=key.name, scopes=key.scopes, **facts
    )
    return NewKey(key, f"puras_{kind_prefix}_{prefix}.{secret}")


async def list_keys(session: AsyncSession, principal: Principal, page: Page) -> Slice[ApiKey]:
    """Return the project's keys, newest first, revoked ones included."""
    query = visible(ApiKey, principal).order_by(col(ApiKey.created_at).desc(), col(ApiKey.id).desc())
    after = page.time_position()
    if after is not None:
        query = query.where(_before(after))
    rows: list[ApiKey] = list((await session.scalars(query.limit(page.limit + 1))).all())
    return page.slice(rows, lambda key: (key.created_at, key.id))


async def names_of(session: AsyncSession, principal: Principal, labels: Iterable[str]) -> dict[str, str]:
    """Return the names of the project's keys that have one, by their labels `key:PREFIX`."""
    prefixes = {label.removeprefix(LABEL) for label in labels if label.startswith(LABEL)}
    if not prefixes:
        return {}
    query = visible(ApiKey, principal).where(col(ApiKey.prefix).in_(prefixes), col(ApiKey.name) != "")
    found = (await session.execute(query.with_only_columns(col(ApiKey.prefix), col(ApiKey.name)))).all()
    return {f"{LABEL}{prefix}": name for prefix, name in found}


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of a key; a field that is `None` does not change."""

    scopes: Sequence[str] | None = None
    """Replace the current scopes; empty: no scopes of its own."""
    is_unrestricted: bool = False
    """Whether all scopes may be removed from a key that has no other restriction."""
    requests_per_minute: int | None = None
    is_rate_reset: bool = False
    """Whether to remove the key's own limit of requests."""


async def change(
    session: AsyncSession,
    principal: Principal,
    key_id: UUID,
    changes: Changes,
    *,
    max_requests_per_minute: int | None = None,
) -> ApiKey:
    """Change the scopes of a key of the project or its limit of requests per minute.

    Raises:
        KeyNotFound: The project has no such key.
        NotAllowed: The principal is itself a restricted key.
        Invalid: The key's kind cannot have one of the scopes.
        KeyWouldBeUnrestricted: The scopes are its only restriction, and full access was not requested.
        LimitAboveCeiling: The key's limit of requests is above that of all keys.
    """
    _reject_restricted(principal)
    _check_rate(changes.requests_per_minute, max_requests_per_minute)
    key = await _locked(session, principal, key_id)
    details: dict[str, Any] = {}
    if changes.scopes is not None:
        kind: KeyKind = "publishable" if key.kind == "publishable" else "secret"
        problems = _unknown(kind, changes.scopes) + _project_wide(key.environment, changes.scopes)
        if problems:
            raise Invalid("The key cannot have these scopes.", problems)
        was_restricted = own_scopes_of(key) is not None
        details["scopes_before"], key.scopes = key.scopes, sorted(set(changes.scopes))
        if was_restricted and own_scopes_of(key) is None and not changes.is_unrestricted:
            raise KeyWouldBeUnrestricted
        details["scopes"] = key.scopes
    if changes.requests_per_minute is not None or changes.is_rate_reset:
        details["requests_per_minute_before"] = key.requests_per_minute
        details["requests_per_minute"] = key.requests_per_minute = changes.requests_per_minute
    await audit.record(session, principal, "api_key.changed", f"key:{key.prefix}", **details)
    return key


async def revoke(session: AsyncSession, principal: Principal, key_id: UUID) -> None:
    """Revoke a key of the project immediately; revoking it again has no effect.

    Raises:
        KeyNotFound: The project has no such key.
    """
    key = await _locked(session, principal, key_id)
    if key.revoked_at is None:
        key.revoked_at = now()
        await audit.record(session, principal, "api_key.revoked", f"key:{key.prefix}", name=key.name)


async def _locked(session: AsyncSession, principal: Principal, key_id: UUID) -> ApiKey:
    query = visible(ApiKey, principal).where(col(ApiKey.id) == key_id).with_for_update()
    key: ApiKey | None = (await session.scalars(query)).one_or_none()
    if key is None:
        raise KeyNotFound(key_id)
    return key


async def _replaced(
    session: AsyncSession, by: Principal, key_id: UUID, kind: KeyKind, environment: Environment
) -> ApiKey:
    key = await _locked(session, by, key_id)
    if key.kind != kind:
        message = f"This key is {key.kind}. A {kind} key can only replace a {kind} key."
        raise Invalid(message, [Problem("replaces", message)])
    if key.environment != environment:
        message = f"This key belongs to {key.environment}. A key of {environment} cannot replace it."
        raise Invalid(message, [Problem("replaces", message)])
    key.first_key_id = key.first_key_id or key.id
    return key


def _reject_restricted(principal: Principal) -> None:
    """Reject a restricted key: it must not create a key with more permissions or a later expiry."""
    is_key = principal.kind not in ("user", "system")
    if is_key and (principal.scopes is not None or principal.rates.key is not None):
        raise NotAllowed(
            "A key with scopes, allowed skills, a cap, a rate or an expiry cannot create or change keys. Do it in the "
            "studio, or with an unrestricted key."
        )


def _check(kind: KeyKind, limits: Limits, environment: Environment) -> None:
    problems = _unknown(kind, limits.scopes) + _project_wide(environment, limits.scopes)
    problems += skill_allowlist.problems(limits.skill_allowlist)
    if limits.expires_at is not None and limits.expires_at <= now():
        problems.append(Problem("expires_at", "The expiry is in the past. Use a time in the future."))
    if problems:
        raise Invalid("The key cannot be created with these values.", problems)


def _check_rate(requested: int | None, maximum: int | None) -> None:
    if requested is not None and maximum is not None and requested > maximum:
        message = (
            f"{requested:,} is above the limit of {maximum:,} requests per minute of all keys. Use at most "
            f"{maximum:,}; the operator of this instance can raise it with PURAS_KEY_REQUESTS_PER_MINUTE."
        )
        raise LimitAboveCeiling([Problem("requests_per_minute", message)])


def _unknown(kind: KeyKind, scopes: Sequence[str]) -> list[Problem]:
    known = possible(kind)
    return [
        Problem(
            f"scopes[{at}]", f"A {kind} key cannot have the scope {scope!r}. It can have: {_listed(known)}."
        )
        for at, scope in enumerate(scopes)
        if scope not in known
    ]


def _project_wide(environment: str, scopes: Sequence[str]) -> list[Problem]:
    """Return a problem for each scope with which a key of development or staging could change production."""
    if environment == PRODUCTION:
        return []
    return [
        Problem(
            f"scopes[{at}]", f"Only a key of production can have {scope!r}, since all environments share it."
        )
        for at, scope in enumerate(scopes)
        if scope in PROJECT_WIDE
    ]


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names))


def _before(cursor: TimePosition) -> ColumnElement[bool]:
    is_earlier = col(ApiKey.created_at) < cursor.at
    return is_earlier | ((col(ApiKey.created_at) == cursor.at) & (col(ApiKey.id) < cursor.id))


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
