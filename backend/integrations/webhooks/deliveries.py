"""What people see of deliveries, and have sent again."""

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

RETRIED_FOR: Final = timedelta(days=3)
TEST_EVENT: Final = "webhook.test"


async def list_some(
    session: AsyncSession,
    principal: Principal,
    webhook_id: UUID,
    page: Page,
    *,
    status: DeliveryFilter | None = None,
) -> Slice[WebhookDelivery]:
    """What a webhook was and will be sent, newest first.

    Raises:
        WebhookNotFound: the project has none such.
    """
    webhook = await service.get(session, principal, webhook_id)
    query = visible(WebhookDelivery, principal).where(col(WebhookDelivery.webhook_id) == webhook.id)
    if status is not None:
        stored = STORED_FAILED if status == "failed" else status
        query = query.where(col(WebhookDelivery.status) == stored)
    below = page.moment()
    if below is not None:
        place = tuple_(col(WebhookDelivery.created_at), col(WebhookDelivery.id))
        query = query.where(place < (below.at, below.id))
    newest = (col(WebhookDelivery.created_at).desc(), col(WebhookDelivery.id).desc())
    rows: Sequence[WebhookDelivery] = (
        await session.scalars(query.order_by(*newest).limit(page.limit + 1))
    ).all()
    return page.slice(rows, lambda row: (row.created_at, row.id))


async def get(
    session: AsyncSession, principal: Principal, webhook_id: UUID, delivery_id: UUID
) -> WebhookDelivery:
    """One delivery.

    Raises:
        DeliveryNotFound: the project's webhook has none such.
    """
    principal.require(Role.DEVELOPER, "webhooks:read")
    return await _one(session, principal, webhook_id, delivery_id)


async def redeliver(
    session: AsyncSession, principal: Principal, webhook_id: UUID, delivery_id: UUID
) -> WebhookDelivery:
    """Send it again, now, with the same id and body, and for three days more.

    Raises:
        DeliveryNotFound: the project's webhook has none such.
        WebhookIsOff: nothing is sent to it.
    """
    webhook = await service.held(session, principal, webhook_id)
    delivery = await _one(session, principal, webhook_id, delivery_id, is_held=True)
    _require_on(webhook)
    delivery.status, delivery.ended_at = "pending", None
    delivery.next_at, delivery.retry_until = now(), now() + RETRIED_FOR
    await session.flush()
    target = f"webhook:{webhook_id}"
    await audit.record(session, principal, "webhook.redelivered", target, delivery_id=str(delivery_id))
    return delivery


async def test(session: AsyncSession, principal: Principal, webhook_id: UUID) -> WebhookDelivery:
    """Send an event that means nothing, `webhook.test`, whatever the webhook asks for.

    Raises:
        WebhookNotFound: the project has none such.
        WebhookIsOff: nothing is sent to it.
    """
    webhook = await service.held(session, principal, webhook_id)
    _require_on(webhook)
    moment = now()
    facts = {
        "webhook_id": str(webhook_id),
        "project_id": str(webhook.project_id),
        "asked_by": principal.label,
    }
    delivery = WebhookDelivery(
        webhook_id=webhook_id,
        project_id=webhook.project_id,
        event=TEST_EVENT,
        body=storable({"type": TEST_EVENT, "timestamp": moment.isoformat(), "data": facts}),
        retry_until=moment + RETRIED_FOR,
    )
    session.add(delivery)
    await session.flush()
    await audit.record(session, principal, "webhook.tested", f"webhook:{webhook_id}")
    return delivery


async def _one(
    session: AsyncSession,
    principal: Principal,
    webhook_id: UUID,
    delivery_id: UUID,
    *,
    is_held: bool = False,
) -> WebhookDelivery:
    query = visible(WebhookDelivery, principal).where(
        col(WebhookDelivery.id) == delivery_id, col(WebhookDelivery.webhook_id) == webhook_id
    )
    if is_held:
        query = query.with_for_update()
    found: WebhookDelivery | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise DeliveryNotFound(webhook_id, delivery_id)
    return found


def _require_on(webhook: Webhook) -> None:
    if not webhook.enabled:
        raise WebhookIsOff(webhook.id)
