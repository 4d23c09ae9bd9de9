"""Routes of webhooks."""

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
from backend.identity.idempotency.dependencies import OnceDep
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
from backend.integrations.webhooks.service import WithSecret

router = APIRouter(route_class=AuthorizedRoute, prefix="/webhooks", tags=["webhooks"])


@router.post("", status_code=201, summary="Make a webhook", response_model=WebhookSecretRead)
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def create_webhook(
    asked: WebhookCreate, principal: PrincipalDep, session: SessionDep, context: ContextDep, *, once: OnceDep
) -> Response:
    """Have a server told of events. The answer shows the signing secret, this once."""

    async def make() -> WebhookSecretRead:
        allowed = Receivers.of(context.settings)
        made = await service.create(session, context.vault, principal, asked, allowed=allowed)
        return _with_secret(made)

    return await once.answer(session, principal, make)


@router.get("", summary="List the webhooks")
@permissions.needs("webhooks:read", role=Role.DEVELOPER)
async def list_webhooks(principal: PrincipalDep, session: SessionDep) -> Sequence[WebhookRead]:
    """Every webhook of the project, the oldest first."""
    return [WebhookRead.model_validate(one) for one in await service.list_all(session, principal)]


@router.get("/{webhook_id}", summary="Read a webhook")
@permissions.needs("webhooks:read", role=Role.DEVELOPER)
async def get_webhook(webhook_id: UUID, principal: PrincipalDep, session: SessionDep) -> WebhookRead:
    """A webhook, and whether it works."""
    return WebhookRead.model_validate(await service.get(session, principal, webhook_id))


@router.patch("/{webhook_id}", summary="Change a webhook")
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def change_webhook(
    webhook_id: UUID,
    asked: WebhookUpdate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
) -> WebhookRead:
    """Change its address or what it is told of, or switch it off or on."""
    allowed = Receivers.of(context.settings)
    changed = await service.change(session, principal, webhook_id, asked, allowed=allowed)
    return WebhookRead.model_validate(changed)


@router.delete("/{webhook_id}", status_code=204, summary="Delete a webhook")
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def delete_webhook(webhook_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Forget a webhook and its deliveries."""
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
    once: OnceDep,
    asked: SecretRotation | None = None,
) -> Response:
    """Show a new secret, this once. Until `overlap_hours` are over, both sign."""

    async def make() -> WebhookSecretRead:
        how = asked or SecretRotation()
        return _with_secret(await service.rotate(session, context.vault, principal, webhook_id, how))

    return await once.answer(session, principal, make)


@router.post("/{webhook_id}/test", status_code=201, summary="Send a test event", response_model=DeliveryRead)
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def test_webhook(
    webhook_id: UUID, principal: PrincipalDep, session: SessionDep, *, once: OnceDep
) -> Response:
    """Send `webhook.test`; the delivery tells what became of it within seconds."""

    async def make() -> DeliveryRead:
        return _delivery(await deliveries.test(session, principal, webhook_id))

    return await once.answer(session, principal, make)


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
    """What it was and will be sent, newest first, each with its last answer."""
    found = await deliveries.list_some(session, principal, webhook_id, page, status=status)
    return [_delivery(one) for one in linked(request, response, found)]


@router.get("/{webhook_id}/deliveries/{delivery_id}", summary="Read a delivery")
@permissions.needs("webhooks:read", role=Role.DEVELOPER)
async def get_webhook_delivery(
    webhook_id: UUID, delivery_id: UUID, principal: PrincipalDep, session: SessionDep
) -> DeliveryRead:
    """One delivery, as it stands."""
    return _delivery(await deliveries.get(session, principal, webhook_id, delivery_id))


@router.post("/{webhook_id}/deliveries/{delivery_id}/redeliver", summary="Send a delivery again")
@permissions.needs("webhooks:write", role=Role.DEVELOPER)
async def redeliver(
    webhook_id: UUID, delivery_id: UUID, principal: PrincipalDep, session: SessionDep
) -> DeliveryRead:
    """Send it now, with the same `webhook-id` and body; it is tried for three days more."""
    return _delivery(await deliveries.redeliver(session, principal, webhook_id, delivery_id))


def _with_secret(made: WithSecret) -> WebhookSecretRead:
    shown: dict[str, Any] = WebhookRead.model_validate(made.webhook).model_dump()
    return WebhookSecretRead(**shown, secret=made.secret)


def _delivery(row: WebhookDelivery) -> DeliveryRead:
    shown = DeliveryRead.model_validate(row)
    return shown if row.status == "pending" else shown.model_copy(update={"next_at": None})
