"""Limit what a session costs, when a message is sent and when its turn starts."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text

from backend.config.quotas import Quota, Quotas
from backend.config.quotas import quota as quota_of
from backend.core.db.engine import AnySession
from backend.execution.sessions.errors import SessionCostReached

_READ: Final = text("""
select p.limits, p.own_limits,
       s.cost_micros + coalesce(sum(case when j.finished_at is null then j.used_micros + j.called_used_micros
                                    else j.cost_micros + j.called_cost_micros end), 0) as spent_micros
from agent_sessions s join projects p on p.id = s.project_id
left join session_turns t on t.session_id = s.id and t.project_id = s.project_id and t.ended_at is null
  and t.job_id is distinct from cast(:except_job_id as uuid)
left join jobs j on j.id = t.job_id and j.project_id = s.project_id
where s.project_id = :project_id and s.id = :session_id
group by s.id, p.id
""")


class SessionCost(NamedTuple):
    """What a session has cost, and may cost."""

    spent_micros: int
    limit_micros: int

    def left_micros(self) -> int:
        """Return what the session may still cost.

        Raises:
            SessionCostReached: That is nothing.
        """
        if self.spent_micros >= self.limit_micros:
            raise SessionCostReached(self.spent_micros, self.limit_micros)
        return self.limit_micros - self.spent_micros


async def read(
    session: AnySession,
    project_id: UUID,
    session_id: UUID,
    quotas: Quotas,
    *,
    except_job_id: UUID | None = None,
) -> SessionCost | None:
    """Return the cost of a session, without that of one of its jobs; none if the session was removed."""
    values = {"project_id": project_id, "session_id": session_id, "except_job_id": except_job_id}
    row = (await session.execute(_READ, values)).one_or_none()
    if row is None:
        return None
    max_usd = quota_of(row.limits, row.own_limits, Quota.SESSION_USD, quotas)
    return SessionCost(int(row.spent_micros), max_usd * 1_000_000)
