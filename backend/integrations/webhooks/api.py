"""Define the routes of webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from backend.core.http.paging import PageDep, linked
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.identity.webhook_outbox.tables import WebhookDelivery
from backend.integrations.webhooks import deliveries, service
from backend.integrations.webhooks.addresses import Receivers
from backend.integrations.webhooks.schemas import (
    DeliveryFilter,
    DeliveryRead,
    SecretRotation,
    WebhookCreate,
    WebhookRead,
    WebhookSecretRead,
    WebhookUpdate,
)
from backend.integrations.webhooks.service import WebhookWithSecret

router = APIRouter(route_class=AuthorizedRoute, prefix="/webhooks", tags=["webhooks"])


@router.post("", status_code=201, summary="Create a webhook", response_model=WebhookSecretRead)
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def create_webhook(
    body: WebhookCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """Create a webhook. The response contains the signing secret, which is shown only once."""

    async def create() -> WebhookSecretRead:
        allowed = Receivers.of(context.settings)
        created = await service.create(session, context.vault, principal, body, allowed=allowed)
        return _with_secret(created)

    return await idempotent.run(session, principal, create)


@router.get("", summary="List the webhooks")
@permissions.needs("webhooks:read", role=Role.DEVELOPER)
async def list_webhooks(principal: PrincipalDep, session: SessionDep) -> Sequence[WebhookRead]:
    """List the webhooks of the project, oldest first."""
    return [WebhookRead.model_validate(one) for one in await service.list_all(session, principal)]


@router.get("/{webhook_id}", summary="Read a webhook")
@permissions.needs("webhooks:read", role=Role.DEVELOPER)
async def get_webhook(webhook_id: UUID, principal: PrincipalDep, session: SessionDep) -> WebhookRead:
    """Return a webhook and its state."""
    return WebhookRead.model_validate(await service.get(session, principal, webhook_id))


@router.patch("/{webhook_id}", summary="Change a webhook")
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def change_webhook(
    webhook_id: UUID,
    body: WebhookUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
) -> WebhookRead:
    """Change the URL or the events, or switch the webhook off or on."""
    allowed = Receivers.of(context.settings)
    changed = await service.change(session, principal, webhook_id, body, allowed=allowed)
    return WebhookRead.model_validate(changed)


@router.delete("/{webhook_id}", status_code=204, summary="Delete a webhook")
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def delete_webhook(webhook_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Delete a webhook and its deliveries."""
    await service.delete(session, principal, webhook_id)


@router.post(
    "/{webhook_id}/rotate",
    status_code=201,
    summary="Replace a signing secret",
    response_model=WebhookSecretRead,
)
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def rotate_webhook_secret(
    webhook_id: UUID,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    idempotent: IdempotencyDep,
    body: SecretRotation | None = None,
) -> Response:
    """Return a new secret, which is shown only once. For `overlap_hours`, requests are signed with both secrets."""

    async def create() -> WebhookSecretRead:
        rotation = body or SecretRotation()
        return _with_secret(await service.rotate(session, context.vault, principal, webhook_id, rotation))

    return await idempotent.run(session, principal, create)


@router.post("/{webhook_id}/test", status_code=201, summary="Send a test event", response_model=DeliveryRead)
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def test_webhook(
    webhook_id: UUID, principal: PrincipalDep, session: SessionDep, *, idempotent: IdempotencyDep
) -> Response:
    """Send the event `webhook.test`. The delivery contains the result within seconds."""

    async def create() -> DeliveryRead:
        return _delivery(await deliveries.test(session, principal, webhook_id))

    return await idempotent.run(session, principal, create)


@router.get("/{webhook_id}/deliveries", summary="List the deliveries of a webhook")
@permissions.needs("webhooks:read", role=Role.DEVELOPER)
async def list_webhook_deliveries(
    webhook_id: UUID,
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    status: DeliveryFilter | None = None,
) -> Sequence[DeliveryRead]:
    """List deliveries, newest first, each with its last response."""
    found = await deliveries.list_some(session, principal, webhook_id, page, status=status)
    return [_delivery(one) for one in linked(request, response, found)]


@router.get("/{webhook_id}/deliveries/{delivery_id}", summary="Read a delivery")
@permissions.needs("webhooks:read", role=Role.DEVELOPER)
async def get_webhook_delivery(
    webhook_id: UUID, delivery_id: UUID, principal: PrincipalDep, session: SessionDep
) -> DeliveryRead:
    """Return one delivery."""
    return _delivery(await deliveries.get(session, principal, webhook_id, delivery_id))


@router.post("/{webhook_id}/deliveries/{delivery_id}/redeliver", summary="Send a delivery again")
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def redeliver(
    webhook_id: UUID, delivery_id: UUID, principal: PrincipalDep, session: SessionDep
) -> DeliveryRead:
    """Send a delivery now with the same `webhook-id` and body. It is retried for three more days."""
    return _delivery(await deliveries.redeliver(session, principal, webhook_id, delivery_id))


def _with_secret(created: WebhookWithSecret) -> WebhookSecretRead:
    fields: dict[str, Any] = WebhookRead.model_validate(created.webhook).model_dump()
    return WebhookSecretRead(**fields, secret=created.secret)


def _delivery(row: WebhookDelivery) -> DeliveryRead:
    fields = DeliveryRead.model_validate(row)
    return fields if row.status == "pending" else fields.model_copy(update={"next_at": None})
