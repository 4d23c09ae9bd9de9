"""Record and list audit entries: who did what, to what, in which request.

Entries are added in the transaction of the action itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from structlog.contextvars import get_contextvars

from backend.core.db.paging import Page, Slice
from backend.core.errors import NotAllowed
from backend.core.notifications import note_change
from backend.identity.auth.principal import Principal, visible
from backend.identity.tables import AuditRow


async def record(
    session: AsyncSession, principal: Principal, action: str, target: str = "", **facts: Any
) -> None:
    """Record an action in the principal's project; `action` is in the past tense, `facts` must not contain secrets."""
    session.add(_row(principal.label, action, target, facts, project_id=principal.project_id))
    note_change(session, principal.project_id, "activity")


async def record_in(
    session: AsyncSession, project_id: UUID, actor: str, action: str, target: str = "", **facts: Any
) -> None:
    """Record an action in a project, of an actor of whom only the label is known."""
    session.add(_row(actor, action, target, facts, project_id=project_id))
    note_change(session, project_id, "activity")


async def record_instance(
    session: AsyncSession, actor: str, action: str, target: str = "", **facts: Any
) -> None:
    """Record an action outside of projects, such as a sign-in or a new account."""
    session.add(_row(actor, action, target, facts, project_id=None))


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Filters of the list of audit entries."""

    actor: str | None = None
    action: str | None = None
    """`secret.set`, or `secret` for every action on secrets."""
    since: datetime | None = None
    of_instance: bool = False
    """Whether to list the entries of the instance instead of those of the project."""


async def list_rows(
    session: AsyncSession, principal: Principal, filters: AuditFilter, page: Page
) -> Slice[AuditRow]:
    """Return the audit entries of the principal's project, or those of the instance, newest first.

    Raises:
        NotAllowed: The principal requests those of the instance and is not an operator.
    """
    query = _of_instance(principal) if filters.of_instance else visible(AuditRow, principal)
    query = query.where(*_conditions(filters)).order_by(col(AuditRow.id).desc()).limit(page.limit + 1)
    before = page.number()
    if before is not None:
        query = query.where(col(AuditRow.id) < before)
    rows = list((await session.scalars(query)).all())
    return page.slice(rows, lambda row: (row.id,))


def _of_instance(principal: Principal) -> Select[Any]:
    if not principal.is_operator:
        raise NotAllowed("Only an operator of this instance can read the audit log of the instance.")
    return select(AuditRow).where(col(AuditRow.project_id).is_(None))


def _conditions(filters: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.actor is not None:
        conditions.append(col(AuditRow.actor) == filters.actor)
    if filters.action is not None:
        is_action = col(AuditRow.action) == filters.action
        conditions.append(is_action | col(AuditRow.action).startswith(f"{filters.action}.", autoescape=True))
    if filters.since is not None:
        conditions.append(col(AuditRow.at) >= filters.since)
    return conditions


def _row(actor: str, action: str, target: str, facts: dict[str, Any], **columns: Any) -> AuditRow:
    return AuditRow(
        actor=actor[:200],
        action=action,
        target=target[:400],
        facts=facts,
        request_id=str(get_contextvars().get("request_id", ""))[:64],
        **columns,
    )
