"""Manage alert rules. Each change is audited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.integrations.alerts.errors import AlertNotFound, TooManyAlerts
from backend.integrations.alerts.schemas import AlertCreate, AlertUpdate
from backend.integrations.alerts.tables import AlertRule

MAX_RULES: Final = 50
"""Maximum alert rules of one project."""
_NULLABLE: Final = frozenset({"skill", "environment"})


async def create(session: AsyncSession, principal: Principal, request: AlertCreate) -> AlertRule:
    """Create an alert rule; it is evaluated within seconds.

    Raises:
        TooManyAlerts: The project has the maximum number of alert rules.
    """
    principal.require(Role.DEVELOPER, "alerts:write")
    counted = visible(AlertRule, principal).with_only_columns(func.count())
    if (await session.execute(counted)).scalar_one() >= MAX_RULES:
        raise TooManyAlerts(MAX_RULES)
    rule = AlertRule(project_id=principal.project_id, **request.model_dump(), created_by=principal.label)
    session.add(rule)
    await session.flush()
    await _record(session, principal, "alert.created", rule, request.model_dump())
    return rule


async def list_all(session: AsyncSession, principal: Principal) -> Sequence[AlertRule]:
    """Return the project's alert rules: raised ones first, then the oldest first."""
    principal.require(Role.VIEWER, "alerts:read")
    order = (col(AlertRule.state) != "raised", col(AlertRule.created_at), col(AlertRule.id))
    return (await session.scalars(visible(AlertRule, principal).order_by(*order))).all()


async def get(session: AsyncSession, principal: Principal, alert_id: UUID) -> AlertRule:
    """Return one alert rule.

    Raises:
        AlertNotFound: The project has no such alert rule.
    """
    principal.require(Role.VIEWER, "alerts:read")
    return await _get(session, principal, alert_id)


async def change(
    session: AsyncSession, principal: Principal, alert_id: UUID, request: AlertUpdate
) -> AlertRule:
    """Change an alert rule. Its value is that of the former condition until it is evaluated again, within seconds.

    Raises:
        AlertNotFound: The project has no such alert rule.
    """
    principal.require(Role.DEVELOPER, "alerts:write")
    rule = await _get(session, principal, alert_id, is_locking=True)
    requested = request.model_dump(exclude_unset=True)
    changes = {name: value for name, value in requested.items() if value is not None or name in _NULLABLE}
    for name, value in changes.items():
        setattr(rule, name, value)
    if not rule.enabled:
        rule.state, rule.value, rule.jobs = "ok", None, 0
    rule.updated_at = rule.next_at = now()
    await session.flush()
    await _record(session, principal, "alert.changed", rule, changes)
    return rule


async def delete(session: AsyncSession, principal: Principal, alert_id: UUID) -> None:
    """Delete an alert rule.

    Raises:
        AlertNotFound: The project has no such alert rule.
    """
    principal.require(Role.DEVELOPER, "alerts:write")
    rule = await _get(session, principal, alert_id, is_locking=True)
    await session.delete(rule)
    await _record(session, principal, "alert.deleted", rule, {"name": rule.name})


async def _get(
    session: AsyncSession, principal: Principal, alert_id: UUID, *, is_locking: bool = False
) -> AlertRule:
    query = visible(AlertRule, principal).where(col(AlertRule.id) == alert_id)
    if is_locking:
        query = query.with_for_update()
    found: AlertRule | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise AlertNotFound(alert_id)
    return found


async def _record(
    session: AsyncSession, principal: Principal, action: str, rule: AlertRule, fields: dict[str, Any]
) -> None:
    await audit.record(session, principal, action, f"alert:{rule.id}", **fields)
