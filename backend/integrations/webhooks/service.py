"""Manage webhooks. Each change is audited, and a secret is shown only once."""

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
from backend.integrations.webhooks import addresses, outcomes, recipients, signing
from backend.integrations.webhooks.addresses import Receivers
from backend.integrations.webhooks.errors import TooManyWebhooks, WebhookNotFound
from backend.integrations.webhooks.schemas import SecretRotation, WebhookCreate, WebhookUpdate

MAX_WEBHOOKS: Final = 20
"""Maximum webhooks of one project."""


class WebhookWithSecret(NamedTuple):
    """A webhook and its new secret."""

    webhook: Webhook
    secret: str


async def create(
    session: AsyncSession,
    vault: Vault,
    principal: Principal,
    request: WebhookCreate,
    *,
    allowed: Receivers,
) -> WebhookWithSecret:
    """Create a webhook.

    Raises:
        BadAddress: This instance may not send to the URL.
        TooManyWebhooks: The project has the maximum number of webhooks.
    """
    principal.require(Role.DEVELOPER, "webhooks:write")
    await _check_address(session, principal, request.format, request.url, allowed)
    counted = visible(Webhook, principal).with_only_columns(func.count())
    if (await session.execute(counted)).scalar_one() >= MAX_WEBHOOKS:
        raise TooManyWebhooks(MAX_WEBHOOKS)
    secret = signing.new_secret()
    webhook = Webhook(
        project_id=principal.project_id,
        **request.model_dump(),
        ciphertext=vault.encrypt(secret),
        created_by=principal.label,
    )
    session.add(webhook)
    await session.flush()
    await _record(session, principal, "webhook.created", webhook, _audit_fields(webhook))
    return WebhookWithSecret(webhook, secret)


async def list_all(session: AsyncSession, principal: Principal) -> Sequence[Webhook]:
    """Return the project's webhooks, oldest first."""
    principal.require(Role.DEVELOPER, "webhooks:read")
    query = visible(Webhook, principal).order_by(col(Webhook.created_at), col(Webhook.id))
    return (await session.scalars(query)).all()


async def get(session: AsyncSession, principal: Principal, webhook_id: UUID) -> Webhook:
    """Return one webhook.

    Raises:
        WebhookNotFound: The project has no such webhook.
    """
    principal.require(Role.DEVELOPER, "webhooks:read")
    return await _get(session, principal, webhook_id)


async def change(
    session: AsyncSession,
    principal: Principal,
    webhook_id: UUID,
    request: WebhookUpdate,
    *,
    allowed: Receivers,
) -> Webhook:
    """Change a webhook. If it is switched off, its pending deliveries fail.

    Raises:
        WebhookNotFound: The project has no such webhook.
        BadAddress: This instance may not send to the URL.
    """
    webhook = await lock(session, principal, webhook_id)
    changes = {
        name: value for name, value in request.model_dump(exclude_unset=True).items() if value is not None
    }
    if "url" in changes or changes.get("enabled"):  # the rules may be stricter than when it was created
        await _check_address(session, principal, webhook.format, changes.get("url", webhook.url), allowed)
    if changes.get("enabled") or "url" in changes:
        webhook.failing_since = None
    if changes.get("enabled"):
        webhook.disabled_reason = ""
    for name, value in changes.items():
        setattr(webhook, name, value)
    webhook.updated_at = now()
    await session.flush()
    if not webhook.enabled:
        await outcomes.fail_all(session, webhook.id, webhook.project_id)
    fields = {
        name: value for name, value in _audit_fields(webhook).items() if name in changes or name == "host"
    }
    await _record(session, principal, "webhook.changed", webhook, fields)
    return webhook


async def delete(session: AsyncSession, principal: Principal, webhook_id: UUID) -> None:
    """Delete a webhook and its deliveries.

    Raises:
        WebhookNotFound: The project has no such webhook.
    """
    webhook = await lock(session, principal, webhook_id)
    await session.delete(webhook)
    await _record(session, principal, "webhook.deleted", webhook, {})


async def rotate(
    session: AsyncSession, vault: Vault, principal: Principal, webhook_id: UUID, request: SecretRotation
) -> WebhookWithSecret:
    """Set a new secret. Requests are signed with the previous one, too, for some time.

    Raises:
        WebhookNotFound: The project has no such webhook.
    """
    webhook = await lock(session, principal, webhook_id)
    secret = signing.new_secret()
    webhook.previous_ciphertext, webhook.previous_until = None, None
    if request.overlap_hours:
        webhook.previous_ciphertext = webhook.ciphertext
        webhook.previous_until = now() + timedelta(hours=request.overlap_hours)
    webhook.ciphertext = vault.encrypt(secret)
    webhook.updated_at = now()
    await session.flush()
    fields = {"overlap_hours": request.overlap_hours}
    await _record(session, principal, "webhook.secret_rotated", webhook, fields)
    return WebhookWithSecret(webhook, secret)


async def lock(session: AsyncSession, principal: Principal, webhook_id: UUID) -> Webhook:
    """Return the webhook and lock it until the transaction ends.

    Raises:
        WebhookNotFound: The project has no such webhook.
    """
    principal.require(Role.DEVELOPER, "webhooks:write")
    return await _get(session, principal, webhook_id, is_locking=True)


async def _check_address(
    session: AsyncSession, principal: Principal, format_: str, url: str, allowed: Receivers
) -> None:
    if format_ == "email":
        await recipients.check(session, principal.project_id, url, allowed)
    else:
        addresses.check(url, allowed)


async def _get(
    session: AsyncSession, principal: Principal, webhook_id: UUID, *, is_locking: bool = False
) -> Webhook:
    query = visible(Webhook, principal).where(col(Webhook.id) == webhook_id)
    if is_locking:
        query = query.with_for_update()
    found: Webhook | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise WebhookNotFound(webhook_id)
    return found


async def _record(
    session: AsyncSession, principal: Principal, action: str, webhook: Webhook, fields: dict[str, Any]
) -> None:
    await audit.record(session, principal, action, f"webhook:{webhook.id}", **fields)


def _audit_fields(webhook: Webhook) -> dict[str, Any]:
    """Return the fields for the audit: only the host of the URL, since many URLs contain a token in the path."""
    settings = {
        "format": webhook.format,
        "events": webhook.events,
        "skills": webhook.skills,
        "enabled": webhook.enabled,
    }
    return {"host": urlsplit(webhook.url).hostname or recipients.address_of(webhook.url), **settings}
