"""The audit: who did what, to what, in which request. Rows are added in the transaction of the act itself."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from structlog.contextvars import get_contextvars

from backend.auth.principal import Principal, visible
from backend.auth.tables import AuditRow
from backend.paging import Page, Slice


async def record(
    session: AsyncSession, principal: Principal, action: str, target: str = "", **facts: Any
) -> None:
    """Write down an act in the principal's project; `action` is in the past tense, `facts` never hold secrets."""
    session.add(_row(principal.label, action, target, facts, project_id=principal.project_id))


async def record_instance(
    session: AsyncSession, actor: str, action: str, target: str = "", **facts: Any
) -> None:
    """Write down an act that concerns no project: a sign-in, a new account."""
    session.add(_row(actor, action, target, facts, project_id=None))


async def list_rows(session: AsyncSession, principal: Principal, page: Page) -> Slice[AuditRow]:
    """The acts in the principal's project, newest first."""
    query = visible(AuditRow, principal).order_by(col(AuditRow.id).desc()).limit(page.limit + 1)
    before = page.number()
    if before is not None:
        query = query.where(col(AuditRow.id) < before)
    rows = list((await session.scalars(query)).all())
    return page.slice(rows, lambda row: (row.id,))


def _row(actor: str, action: str, target: str, facts: dict[str, Any], **place: Any) -> AuditRow:
    return AuditRow(
        actor=actor[:200],
        action=action,
        target=target[:400],
        facts=facts,
        request_id=str(get_contextvars().get("request_id", ""))[:64],
        **place,
    )
