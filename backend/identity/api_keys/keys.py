"""Create, change, list and revoke the API keys of a project.

A key is shown once, when it is created: `auth/key_authentication.py` says what is stored of it.
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
from backend.core.db.paging import Moment, Page, Slice
from backend.core.errors import Invalid, NotAllowed, Problem
from backend.identity.auth import audit, skill_allowlist
from backend.identity.auth.actors import OPERATOR_LABEL, operator
from backend.identity.auth.errors import KeyNotFound, KeyWouldBeUnrestricted
from backend.identity.auth.key_authentication import LABEL, hash_secret, scopes_of
from backend.identity.auth.principal import Principal, visible
from backend.identity.auth.scopes import KeyKind, possible
from backend.identity.limits.errors import LimitAboveCeiling
from backend.identity.limits.quota_check import make_room
from backend.identity.tables import ApiKey

_ALPHABET: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made, with its clear text, which nobody can read again."""

    key: ApiKey
    clear_text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a key is narrowed to."""

    scopes: Sequence[str] = ()
    """All that it can do. Empty: everything that its kind can, or `RESTRICTED` if it is limited in another way."""
    skill_allowlist: Sequence[str] = ()
    """Empty: every skill."""
    daily_cap_micros: int | None = None
    expires_at: datetime | None = None
    requests_per_minute: int | None = None
    """Where it is less than what every key may send."""


async def create(
    session: AsyncSession,
    principal: Principal | None,
    *,
    project_id: UUID,
    kind: KeyKind = "secret",
    name: str = "",
    limits: Limits | None = None,
    quotas: Quotas | None = None,
    max_requests_per_minute: int | None = None,
) -> NewKey:
    """Make a key of the project; without a principal it is the operator who does, and without quotas has none.

    `max_requests_per_minute` is what every key may send; a key of its own rate is held to less.

    Raises:
        NotAllowed: the principal is itself a key that is narrowed, and could widen itself so.
        Invalid: a scope that does not exist or that the kind cannot have, or an expiry in the past.
        LimitAboveCeiling: it is to send more requests than every key may.
        QuotaReached: the project has as many as it may.
    """
    by = principal or operator(project_id)
    limits = limits or Limits()
    _refuse_widening(by)
    _check(kind, limits)
    _check_rate(limits.requests_per_minute, max_requests_per_minute)
    await make_room(
        session, by, Quota.API_KEYS, quotas, visible(ApiKey, by).where(col(ApiKey.revoked_at).is_(None))
    )
    word = "live" if kind == "secret" else "pub"
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
    )
    session.add(key)
    await session.flush()
    await audit.record(
        session, by, "api_key.created", f"key:{prefix}", kind=kind, name=key.name, scopes=key.scopes
    )
    return NewKey(key, f"puras_{word}_{prefix}.{secret}")


async def list_keys(session: AsyncSession, principal: Principal, page: Page) -> Slice[ApiKey]:
    """The project's keys, newest first, revoked ones included."""
    query = visible(ApiKey, principal).order_by(col(ApiKey.created_at).desc(), col(ApiKey.id).desc())
    after = page.moment()
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
    """What to change in a key; a field that is `None` stays."""

    scopes: Sequence[str] | None = None
    """In place of those that it has; empty: none of its own."""
    is_unrestricted: bool = False
    """Whether a key that only its scopes limit may lose them all."""
    requests_per_minute: int | None = None
    is_rate_reset: bool = False
    """Whether it may send as many requests again as every key."""


async def change(
    session: AsyncSession,
    principal: Principal,
    key_id: UUID,
    changes: Changes,
    *,
    max_requests_per_minute: int | None = None,
) -> ApiKey:
    """Give a key of the project other scopes, or let it send more or fewer requests a minute.

    Raises:
        KeyNotFound: The project has no such key.
        NotAllowed: The principal is itself a restricted key.
        Invalid: The key's kind cannot have one of the scopes.
        KeyWouldBeUnrestricted: The scopes are its only limit, and full access was not asked for.
        LimitAboveCeiling: It is to send more requests than every key may.
    """
    _refuse_widening(principal)
    _check_rate(changes.requests_per_minute, max_requests_per_minute)
    key = await _locked(session, principal, key_id)
    facts: dict[str, Any] = {}
    if changes.scopes is not None:
        problems = _unknown("publishable" if key.kind == "publishable" else "secret", changes.scopes)
        if problems:
            raise Invalid("The key cannot have these scopes.", problems)
        was_restricted = scopes_of(key) is not None
        facts["scopes_before"], key.scopes = key.scopes, sorted(set(changes.scopes))
        if was_restricted and scopes_of(key) is None and not changes.is_unrestricted:
            raise KeyWouldBeUnrestricted
        facts["scopes"] = key.scopes
    if changes.requests_per_minute is not None or changes.is_rate_reset:
        facts["requests_per_minute_before"] = key.requests_per_minute
        facts["requests_per_minute"] = key.requests_per_minute = changes.requests_per_minute
    await audit.record(session, principal, "api_key.changed", f"key:{key.prefix}", **facts)
    return key


async def revoke(session: AsyncSession, principal: Principal, key_id: UUID) -> None:
    """End a key of the project from this moment on; revoking it again changes nothing.

    Raises:
        KeyNotFound: the project has no such key.
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


def _refuse_widening(principal: Principal) -> None:
    """Refuse a restricted key, which must not create a key that can do more or lasts longer than itself."""
    is_key = principal.kind not in ("user", "system")
    if is_key and (principal.scopes is not None or principal.rates.key is not None):
        raise NotAllowed(
            "A key with scopes, allowed skills, a cap, a rate or an expiry cannot create or change keys. Do it in the "
            "studio, or with an unrestricted key."
        )


def _check(kind: KeyKind, limits: Limits) -> None:
    problems = _unknown(kind, limits.scopes)
    problems += skill_allowlist.faults(limits.skill_allowlist)
    if limits.expires_at is not None and limits.expires_at <= now():
        problems.append(
            Problem("expires_at", "The expiry lies in the past. Give a moment that is still to come.")
        )
    if problems:
        raise Invalid("The key cannot be made as asked.", problems)


def _check_rate(asked: int | None, most: int | None) -> None:
    if asked is not None and most is not None and asked > most:
        message = (
            f"{asked:,} is above the ceiling of {most:,} requests a minute, which every key may send. Give at most "
            f"{most:,}; the operator of this instance raises it with PURAS_KEY_REQUESTS_PER_MINUTE."
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


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words))


def _before(place: Moment) -> ColumnElement[bool]:
    from_here = col(ApiKey.created_at) < place.at
    return from_here | ((col(ApiKey.created_at) == place.at) & (col(ApiKey.id) < place.id))


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
