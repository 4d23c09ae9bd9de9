"""What people do with webhooks; each change is audited, and a secret is shown once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.vault.vault import Vault
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.webhook_outbox.tables import Webhook
from backend.integrations.webhooks import addresses, outcomes, signing
from backend.integrations.webhooks.addresses import Receivers
from backend.integrations.webhooks.errors import TooManyWebhooks, WebhookNotFound
from backend.integrations.webhooks.schemas import SecretRotation, WebhookCreate, WebhookUpdate

MAX_WEBHOOKS: Final = 20
"""Of one project."""


class WithSecret(NamedTuple):
    """A webhook and the secret that it has from now on."""

    webhook: Webhook
    secret: str


async def create(
    session: AsyncSession,
    vault: Vault,
    principal: Principal,
    asked: WebhookCreate,
    *,
    allowed: Receivers,
) -> WithSecret:
    """Tell an address of facts from now on.

    Raises:
        BadAddress: this instance does not call it.
        TooManyWebhooks: there are as many as may be.
    """
    principal.require(Role.DEVELOPER, "webhooks:write")
    addresses.check(asked.url, allowed)
    counted = visible(Webhook, principal).with_only_columns(func.count())
    if (await session.execute(counted)).scalar_one() >= MAX_WEBHOOKS:
        raise TooManyWebhooks(MAX_WEBHOOKS)
    secret = signing.new_secret()
    webhook = Webhook(
        project_id=principal.project_id,
        **asked.model_dump(),
        ciphertext=vault.encrypt(secret),
        created_by=principal.label,
    )
    session.add(webhook)
    await session.flush()
    await _record(session, principal, "webhook.created", webhook, _facts(webhook))
    return WithSecret(webhook, secret)


async def list_all(session: AsyncSession, principal: Principal) -> Sequence[Webhook]:
    """The project's webhooks, the oldest first."""
    principal.require(Role.DEVELOPER, "webhooks:read")
    query = visible(Webhook, principal).order_by(col(Webhook.created_at), col(Webhook.id))
    return (await session.scalars(query)).all()


async def get(session: AsyncSession, principal: Principal, webhook_id: UUID) -> Webhook:
    """One webhook.

    Raises:
        WebhookNotFound: the project has none such.
    """
    principal.require(Role.DEVELOPER, "webhooks:read")
    return await _one(session, principal, webhook_id)


async def change(
    session: AsyncSession,
    principal: Principal,
    webhook_id: UUID,
    asked: WebhookUpdate,
    *,
    allowed: Receivers,
) -> Webhook:
    """Change a webhook; switched off, it is told nothing, and what waits for it is given up.

    Raises:
        WebhookNotFound: the project has none such.
        BadAddress: this instance does not call it.
    """
    webhook = await held(session, principal, webhook_id)
    changes = {
        name: value for name, value in asked.model_dump(exclude_unset=True).items() if value is not None
    }
    if "url" in changes or changes.get("enabled"):  # rules may have become stricter since it was made
        addresses.check(changes.get("url", webhook.url), allowed)
    if changes.get("enabled") or "url" in changes:
        webhook.failing_since = None
    if changes.get("enabled"):
        webhook.disabled_reason = ""
    for name, value in changes.items():
        setattr(webhook, name, value)
    webhook.updated_at = now()
    await session.flush()
    if not webhook.enabled:
        await outcomes.give_up_all(session, webhook.id, webhook.project_id)
    facts = {name: value for name, value in _facts(webhook).items() if name in changes or name == "host"}
    await _record(session, principal, "webhook.changed", webhook, facts)
    return webhook


async def delete(session: AsyncSession, principal: Principal, webhook_id: UUID) -> None:
    """Forget a webhook and everything that was sent to it.

    Raises:
        WebhookNotFound: the project has none such.
    """
    webhook = await held(session, principal, webhook_id)
    await session.delete(webhook)
    await _record(session, principal, "webhook.deleted", webhook, {})


async def rotate(
    session: AsyncSession, vault: Vault, principal: Principal, webhook_id: UUID, asked: SecretRotation
) -> WithSecret:
    """Give a webhook a new secret; the one that it had signs beside it for a while.

    Raises:
        WebhookNotFound: the project has none such.
    """
    webhook = await held(session, principal, webhook_id)
    secret = signing.new_secret()
    webhook.previous_ciphertext, webhook.previous_until = None, None
    if asked.overlap_hours:
        webhook.previous_ciphertext = webhook.ciphertext
        webhook.previous_until = now() + timedelta(hours=asked.overlap_hours)
    webhook.ciphertext = vault.encrypt(secret)
    webhook.updated_at = now()
    await session.flush()
    facts = {"overlap_hours": asked.overlap_hours}
    await _record(session, principal, "webhook.secret_rotated", webhook, facts)
    return WithSecret(webhook, secret)


async def held(session: AsyncSession, principal: Principal, webhook_id: UUID) -> Webhook:
    """The webhook, which nobody else changes until the transaction ends.

    Raises:
        WebhookNotFound: the project has none such.
    """
    principal.require(Role.DEVELOPER, "webhooks:write")
    return await _one(session, principal, webhook_id, is_held=True)


async def _one(
    session: AsyncSession, principal: Principal, webhook_id: UUID, *, is_held: bool = False
) -> Webhook:
    query = visible(Webhook, principal).where(col(Webhook.id) == webhook_id)
    if is_held:
        query = query.with_for_update()
    found: Webhook | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise WebhookNotFound(webhook_id)
    return found


async def _record(
    session: AsyncSession, principal: Principal, action: str, webhook: Webhook, facts: dict[str, Any]
) -> None:
    await audit.record(session, principal, action, f"webhook:{webhook.id}", **facts)


def _facts(webhook: Webhook) -> dict[str, Any]:
    """Of the address the host alone: many hold a token in their path."""
    told = {"events": webhook.events, "skills": webhook.skills, "enabled": webhook.enabled}
    return {"host": urlsplit(webhook.url).hostname, **told}
