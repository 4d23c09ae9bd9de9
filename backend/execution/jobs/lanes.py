"""Grant and revoke the lanes that a project may use in addition to `default`. Operators decide."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.identity.auth import audit
from backend.identity.auth.actors import operator

_GRANT = text("""
update admissions set lanes = array_append(array_remove(lanes, :lane), :lane) where project_id = :project_id
""")
_REVOKE = text("update admissions set lanes = array_remove(lanes, :lane) where project_id = :project_id")


async def grant(session: AsyncSession, project_id: UUID, lane: str) -> None:
    """Allow the jobs of a project in a lane."""
    await session.execute(_GRANT, {"project_id": project_id, "lane": lane})
    await audit.record(session, operator(project_id), "lane.granted", lane)


async def revoke(session: AsyncSession, project_id: UUID, lane: str) -> None:
    """Reject the lane for jobs that the project submits from now on."""
    await session.execute(_REVOKE, {"project_id": project_id, "lane": lane})
    await audit.record(session, operator(project_id), "lane.revoked", lane)
