"""Define the routes of alert rules."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from fastapi import APIRouter, Response

from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.integrations.alerts import service
from backend.integrations.alerts.schemas import AlertCreate, AlertRead, AlertUpdate

router = APIRouter(route_class=AuthorizedRoute, prefix="/alerts", tags=["alerts"])


@router.post("", status_code=201, summary="Create an alert rule", response_model=AlertRead)
@permissions.needs("alerts:write", role=Role.DEVELOPER)
async def create_alert(
    body: AlertCreate, principal: PrincipalDep, session: SessionDep, *, idempotent: IdempotencyDep
) -> Response:
    """Create an alert rule. Its events are `alert.raised` and `alert.resolved`; webhooks send them."""

    async def create() -> AlertRead:
        return AlertRead.model_validate(await service.create(session, principal, body))

    return await idempotent.run(session, principal, create)


@router.get("", summary="List the alert rules")
@permissions.needs("alerts:read")
async def list_alerts(principal: PrincipalDep, session: SessionDep) -> Sequence[AlertRead]:
    """List the alert rules of the project with their state: raised ones first, then the oldest first."""
    return [AlertRead.model_validate(one) for one in await service.list_all(session, principal)]


@router.get("/{alert_id}", summary="Read an alert rule")
@permissions.needs("alerts:read")
async def get_alert(alert_id: UUID, principal: PrincipalDep, session: SessionDep) -> AlertRead:
    """Return an alert rule and its state."""
    return AlertRead.model_validate(await service.get(session, principal, alert_id))


@router.patch("/{alert_id}", summary="Change an alert rule")
@permissions.needs("alerts:write", role=Role.DEVELOPER)
async def change_alert(
    alert_id: UUID, body: AlertUpdate, principal: PrincipalDep, session: SessionDep
) -> AlertRead:
    """Change the condition, or switch the rule off or on."""
    return AlertRead.model_validate(await service.change(session, principal, alert_id, body))


@router.delete("/{alert_id}", status_code=204, summary="Delete an alert rule")
@permissions.needs("alerts:write", role=Role.DEVELOPER)
async def delete_alert(alert_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Delete an alert rule."""
    await service.delete(session, principal, alert_id)
