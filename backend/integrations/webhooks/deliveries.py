"""Read deliveries, and send them again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.db.paging import Page, Slice
from backend.core.jsonb import storable
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.webhook_outbox.tables import Webhook, WebhookDelivery
from backend.integrations.webhooks import service
from backend.integrations.webhooks.errors import DeliveryNotFound, WebhookIsOff
from backend.integrations.webhooks.schemas import STORED_FAILED, DeliveryFilter

RETRY_PERIOD: Final = timedelta(days=3)
TEST_EVENT: Final = "webhook.test"


async def list_some(
    session: AsyncSession,
    principal: Principal,
    webhook_id: UUID,
    page: Page,
    *,
    status: DeliveryFilter | None = None,
) -> Slice[WebhookDelivery]:
    """Return the deliveries of a webhook, newest first.

    Raises:
        WebhookNotFound: The project has no such webhook.
    """
    webhook = await service.get(session, principal, webhook_id)
    query = visible(WebhookDelivery, principal).where(col(WebhookDelivery.webhook_id) == webhook.id)
    if status is not None:
        stored_status = STORED_FAILED if status == "failed" else status
        query = query.where(col(WebhookDelivery.status) == stored_status)
    before = page.time_position()
    if before is not None:
        position = tuple_(col(WebhookDelivery.created_at), col(WebhookDelivery.id))
        query = query.where(position < (before.at, before.id))
    newest_first = (col(WebhookDelivery.created_at).desc(), col(WebhookDelivery.id).desc())
    rows: Sequence[WebhookDelivery] = (
        await session.scalars(query.order_by(*newest_first).limit(page.limit + 1))
    ).all()
    return page.slice(rows, lambda row: (row.created_at, row.id))


async def get(
    session: AsyncSession, principal: Principal, webhook_id: UUID, delivery_id: UUID
) -> WebhookDelivery:
    """Return one delivery.

    Raises:
        DeliveryNotFound: The webhook has no such delivery.
    """
    principal.require(Role.DEVELOPER, "webhooks:read")
    return await _get(session, principal, webhook_id, delivery_id)


async def redeliver(
    session: AsyncSession, principal: Principal, webhook_id: UUID, delivery_id: UUID
) -> WebhookDelivery:
    """Send a delivery now with the same ID and body, and retry it for three more days.

    Raises:
        DeliveryNotFound: The webhook has no such delivery.
        WebhookIsOff: The webhook is switched off.
    """
    webhook = await service.lock(session, principal, webhook_id)
    delivery = await _get(session, principal, webhook_id, delivery_id, is_locking=True)
    _require_enabled(webhook)
    delivery.status, delivery.ended_at = "pending", None
    delivery.next_at, delivery.retry_until = now(), now() + RETRY_PERIOD
    await session.flush()
    target = f"webhook:{webhook_id}"
    await audit.record(session, principal, "webhook.redelivered", target, delivery_id=str(delivery_id))
    return delivery


async def test(session: AsyncSession, principal: Principal, webhook_id: UUID) -> WebhookDelivery:
    """Send the event `webhook.test`, whichever events the webhook receives.

    Raises:
        WebhookNotFound: The project has no such webhook.
        WebhookIsOff: The webhook is switched off.
    """
    webhook = await service.lock(session, principal, webhook_id)
    _require_enabled(webhook)
    time = now()
    payload = {
        "webhook_id": str(webhook_id),
        "project_id": str(webhook.project_id),
        "requested_by": principal.label,
        "asked_by": principal.label,  # the former name, until 0.3
    }
    delivery = WebhookDelivery(
        webhook_id=webhook_id,
        project_id=webhook.project_id,
        event=TEST_EVENT,
        body=storable({"type": TEST_EVENT, "timestamp": time.isoformat(), "data": payload}),
        retry_until=time + RETRY_PERIOD,
    )
    session.add(delivery)
    await session.flush()
    await audit.record(session, principal, "webhook.tested", f"webhook:{webhook_id}")
    return delivery


async def _get(
    session: AsyncSession,
    principal: Principal,
    webhook_id: UUID,
    delivery_id: UUID,
    *,
    is_locking: bool = False,
) -> WebhookDelivery:
    query = visible(WebhookDelivery, principal).where(
        col(WebhookDelivery.id) == delivery_id, col(WebhookDelivery.webhook_id) == webhook_id
    )
    if is_locking:
        query = query.with_for_update()
    found: WebhookDelivery | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise DeliveryNotFound(webhook_id, delivery_id)
    return found


def _require_enabled(webhook: Webhook) -> None:
    if not webhook.enabled:
        raise WebhookIsOff(webhook.id)
