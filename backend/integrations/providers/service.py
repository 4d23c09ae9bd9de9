"""Manage a project's own API keys for models, which its jobs use without being billed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import get_args
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.vault.errors import SecretUnreadable
from backend.core.vault.vault import Vault
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, visible
from backend.integrations.providers import addresses, cloud_keys, prices
from backend.integrations.providers.tables import ProviderKey
from backend.skills.model_catalog import catalog
from backend.skills.model_catalog.catalog import ApiName, Endpoint, Rates
from backend.skills.model_catalog.errors import BadProviderKey, ProviderKeyMissing

MAX_KEY_CHARACTERS = 8_000  # the key of a service account has about 3,200
MAX_SHOWN_CHARACTERS = 10


@dataclass(frozen=True, slots=True)
class OwnKey:
    """The key and URL with which a job calls a model family at its project's expense."""

    api_key: str = field(repr=False)
    base_url: str | None = None
    """None: the URL of the catalog."""
    api: ApiName = "messages"
    """The API of the server at `base_url`."""
    rates: Mapping[str, Rates] = field(default_factory=dict, hash=False)
    """What the project pays for models of the family, where it has set a price."""

    def applied_to(self, endpoint: Endpoint) -> Endpoint:
        """Return the endpoint that the key is for: that of the catalog, unless the project names another server."""
        if self.base_url is None:
            return endpoint
        return Endpoint(base_url=self.base_url, api=self.api, auth=endpoint.auth)


async def put(
    session: AsyncSession,
    vault: Vault,
    principal: Principal,
    family: str,
    *,
    api_key: str,
    base_url: str | None,
    api: ApiName | None,
    allowed_hosts: Collection[str],
) -> None:
    """Set the project's key for a model family, for jobs that start from now on.

    Raises:
        UnknownFamily: The family does not exist or has no endpoint.
        BadProviderKey: The key or the URL is invalid.
        ExtraMissing: The packages for the cloud of the family are not installed.
    """
    endpoint = catalog.current().endpoint_of(family)
    _check_key(api_key)
    if base_url is None:
        cloud_keys.check(endpoint, api_key)
    if base_url is not None:
        base_url = addresses.checked_url(base_url, api or "messages", allowed_hosts)
    elif api is not None:
        raise BadProviderKey("api", "'api' is that of the server at 'base_url'. Send both, or neither.")
    columns = {
        "ciphertext": vault.encrypt(api_key),
        "base_url": base_url,
        "api": None if base_url is None else api or "messages",
        "updated_at": now(),
        "updated_by": principal.label,
    }
    row = insert(ProviderKey).values(project_id=principal.project_id, family=family, **columns)
    await session.execute(row.on_conflict_do_update(index_elements=["project_id", "family"], set_=columns))
    await audit.record(session, principal, "provider_key.set", family, base_url=base_url, api=api)


@dataclass(frozen=True, slots=True)
class ShownKey:
    """The parts of a project's key that are shown."""

    beginning: str
    """Enough characters to distinguish it from another key, at most a quarter of it."""
    base_url: str | None
    api: ApiName | None
    updated_at: datetime
    updated_by: str


async def keys(session: AsyncSession, vault: Vault, principal: Principal) -> Mapping[str, ShownKey]:
    """Return the project's own keys by family, each with its first characters."""
    rows = await session.scalars(visible(ProviderKey, principal))
    return {
        row.family: ShownKey(
            _prefix(vault, row),
            row.base_url,
            _api_of(row) if row.base_url else None,
            row.updated_at,
            row.updated_by,
        )
        for row in rows
    }


async def key_to_test(session: AsyncSession, vault: Vault, principal: Principal, family: str) -> OwnKey:
    """Return the project's own key for a model family, to test it with the provider.

    Raises:
        ProviderKeyMissing: It has none.
        SecretUnreadable: It cannot be decrypted with the keys of this instance.
    """
    row = (
        await session.scalars(visible(ProviderKey, principal).where(col(ProviderKey.family) == family))
    ).one_or_none()
    if row is None:
        raise ProviderKeyMissing(family)
    await audit.record(session, principal, "provider_key.tried", family, base_url=row.base_url)
    return _own_key(vault, row)


async def delete(session: AsyncSession, principal: Principal, family: str) -> None:
    """Delete a key; running jobs keep it until they end.

    Raises:
        ProviderKeyMissing: The project has none for that family.
    """
    query = visible(ProviderKey, principal).where(col(ProviderKey.family) == family)
    found = (await session.scalars(query.with_for_update())).one_or_none()
    if found is None:
        raise ProviderKeyMissing(family)
    await session.delete(found)
    await audit.record(session, principal, "provider_key.deleted", family)


async def for_job(session: AsyncSession, vault: Vault, project_id: UUID) -> dict[str, OwnKey]:
    """Return the keys for a job of this project, by family.

    Raises:
        SecretUnreadable: One of them cannot be decrypted with the keys of this instance.
    """
    rows = await session.scalars(select(ProviderKey).where(col(ProviderKey.project_id) == project_id))
    found = {row.family: _own_key(vault, row) for row in rows}
    if not found:
        return {}
    rates = await prices.for_job(session, project_id)
    return {
        family: replace(
            key, rates={slug: one for slug, one in rates.items() if slug.startswith(f"{family}/")}
        )
        for family, key in found.items()
    }


def _own_key(vault: Vault, row: ProviderKey) -> OwnKey:
    return OwnKey(vault.decrypt(row.ciphertext), row.base_url, _api_of(row))


def _api_of(row: ProviderKey) -> ApiName:
    """Return the API of the project's server; rows from before there was a choice speak the Messages API."""
    return row.api if row.api in get_args(ApiName) else "messages"  # type: ignore[return-value]


def _prefix(vault: Vault, row: ProviderKey) -> str:
    try:
        api_key = vault.decrypt(row.ciphertext)
    except SecretUnreadable:
        return ""
    return api_key[: min(MAX_SHOWN_CHARACTERS, len(api_key) // 4)]


def _check_key(api_key: str) -> None:
    if not 1 <= len(api_key) <= MAX_KEY_CHARACTERS:
        raise BadProviderKey("api_key", f"'api_key' has 1 to {MAX_KEY_CHARACTERS} characters.")
    if not all("!" <= letter <= "~" for letter in api_key):
        raise BadProviderKey(
            "api_key",
            "'api_key' contains a space or a character that keys never contain. Copy it again, without line breaks.",
        )
