"""The audit: who did what, to what, in which request. Rows are added in the transaction of the act itself."""

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
from backend.identity.auth.principal import Principal, visible
from backend.identity.tables import AuditRow


async def record(
    session: AsyncSession, principal: Principal, action: str, target: str = "", **facts: Any
) -> None:
    """Write down an act in the principal's project; `action` is in the past tense, `facts` never hold secrets."""
    session.add(_row(principal.label, action, target, facts, project_id=principal.project_id))


async def record_in(
    session: AsyncSession, project_id: UUID, actor: str, action: str, target: str = "", **facts: Any
) -> None:
    """Write down an act in a project, of somebody who is known by label only."""
    session.add(_row(actor, action, target, facts, project_id=project_id))


async def record_instance(
    session: AsyncSession, actor: str, action: str, target: str = "", **facts: Any
) -> None:
    """Write down an act that concerns no project: a sign-in, a new account."""
    session.add(_row(actor, action, target, facts, project_id=None))


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which acts a list shows."""

    actor: str | None = None
    action: str | None = None
    """`secret.set`, or `secret` for every act on secrets."""
    since: datetime | None = None
    of_instance: bool = False
    """Those that concern no project, in place of the project's."""


async def list_rows(
    session: AsyncSession, principal: Principal, which: AuditFilter, page: Page
) -> Slice[AuditRow]:
    """The acts in the principal's project, or those of the instance, newest first.

    Raises:
        NotAllowed: the instance's are asked for by somebody who is not an operator.
    """
    query = _of_instance(principal) if which.of_instance else visible(AuditRow, principal)
    query = query.where(*_conditions(which)).order_by(col(AuditRow.id).desc()).limit(page.limit + 1)
    before = page.number()
    if before is not None:
        query = query.where(col(AuditRow.id) < before)
    rows = list((await session.scalars(query)).all())
    return page.slice(rows, lambda row: (row.id,))


def _of_instance(principal: Principal) -> Select[Any]:
    if not principal.is_operator:
        raise NotAllowed("Only an operator of this instance reads the acts that concern no project.")
    return select(AuditRow).where(col(AuditRow.project_id).is_(None))


def _conditions(which: AuditFilter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if which.actor is not None:
        conditions.append(col(AuditRow.actor) == which.actor)
    if which.action is not None:
        is_act = col(AuditRow.action) == which.action
        conditions.append(is_act | col(AuditRow.action).startswith(f"{which.action}.", autoescape=True))
    if which.since is not None:
        conditions.append(col(AuditRow.at) >= which.since)
    return conditions


def _row(actor: str, action: str, target: str, facts: dict[str, Any], **place: Any) -> AuditRow:
    return AuditRow(
        actor=actor[:200],
        action=action,
        target=target[:400],
        facts=facts,
        request_id=str(get_contextvars().get("request_id", ""))[:64],
        **place,
    )
