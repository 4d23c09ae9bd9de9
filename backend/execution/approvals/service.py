"""What people see of approvals, and how one is decided: once, by whoever is first, until it expires."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core import notifications
from backend.core.db.paging import Page, Slice
from backend.core.errors import NotAllowed
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.approvals.errors import ApprovalDecided, ApprovalNotFound
from backend.execution.approvals.schemas import ApprovalStatus
from backend.execution.approvals.tables import Approval
from backend.execution.events.append import NewEvent
from backend.execution.events.types import OMITTED, ApprovalDecidedEvent
from backend.execution.jobs import transitions
from backend.execution.jobs.tables import Job
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.money import admission

Word = Literal["approved", "denied", "expired"]

_HOLD_JOB = text("select id from jobs where id = :job_id and project_id = :project_id for update")
_DECIDE = text("""
update approvals set status = :status, reason = :reason, decided_by = :who, decided_at = clock_timestamp()
where id = :id and project_id = :project_id and status = 'pending'
  and (expires_at > clock_timestamp()) = :is_in_time
returning job_id, step, tool, tool_use_id
""")
_HOW_IT_STANDS = text("""
select case when status = 'pending' then 'expired' else status end from approvals
where id = :id and project_id = :project_id
""")


class Asked(NamedTuple):
    """Which approval, of which job and project."""

    id: UUID
    job_id: UUID
    project_id: UUID

    def as_values(self) -> dict[str, Any]:
        """For SQL."""
        return self._asdict()


async def list_some(
    session: AsyncSession,
    principal: Principal,
    page: Page,
    *,
    status: ApprovalStatus | None = None,
    job_id: UUID | None = None,
) -> Slice[Approval]:
    """The approvals of the jobs that the principal may see, newest first."""
    principal.require(Role.VIEWER, "approvals:read")
    query = _seen(principal)
    if status is not None:
        query = query.where(col(Approval.status) == status)
    if job_id is not None:
        query = query.where(col(Approval.job_id) == job_id)
    below = page.moment()
    if below is not None:
        query = query.where(tuple_(col(Approval.created_at), col(Approval.id)) < (below.at, below.id))
    query = query.order_by(col(Approval.created_at).desc(), col(Approval.id).desc()).limit(page.limit + 1)
    rows: Sequence[Approval] = (await session.scalars(query)).all()
    return page.slice(rows, lambda row: (row.created_at, row.id))


def _seen(principal: Principal) -> Select[Any]:
    """Those of the jobs that the principal may see: an approval shows what its job's agent gives a tool."""
    query = visible(Approval, principal)
    if principal.sees_own_jobs_only or principal.kind == "job":
        jobs = visible(Job, principal).with_only_columns(col(Job.id))
        query = query.where(col(Approval.job_id).in_(jobs))
    return query


async def decide(
    session: AsyncSession, principal: Principal, approval_id: UUID, word: Word, *, reason: str = ""
) -> Approval:
    """Let the call be made, or have its agent told that it may not; the job goes on once all its calls are decided.

    Raises:
        NotAllowed: the principal may not decide; no job decides anything, its own least of all.
        ApprovalNotFound: there is none that the principal may see.
        ApprovalDecided: it was decided before, or too late.
    """
    principal.require(Role.DEVELOPER, "approvals:write")
    if principal.kind == "job":
        raise NotAllowed(
            "A job cannot consent in the place of a person. Decide in the studio, or with an API key."
        )
    found = _seen(principal).where(col(Approval.id) == approval_id)
    approval: Approval | None = await session.scalar(found)
    if approval is None:
        raise ApprovalNotFound(approval_id)
    this = Asked(approval_id, approval.job_id, approval.project_id)
    decided = await settle(session, this, word, reason=reason, who=principal.label)
    if not decided:
        status = (await session.execute(_HOW_IT_STANDS, this.as_values())).scalar_one()
        raise ApprovalDecided(approval_id, status)
    await audit.record(
        session,
        principal,
        f"approval.{word}",
        f"approval:{approval_id}",
        job_id=str(approval.job_id),
        tool=approval.tool,
    )
    await session.refresh(approval)
    return approval


async def settle(session: AsyncSession, this: Asked, word: Word, *, reason: str, who: str) -> bool:
    """Decide without asking who may; False when it was decided before.

    The job's row is held first, so that the last of two decisions sends it on.
    """
    values = this.as_values()
    await session.execute(_HOLD_JOB, values)
    decision = {"status": word, "reason": reason, "who": who, "is_in_time": word != "expired"}
    row = (await session.execute(_DECIDE, {**values, **decision})).one_or_none()
    if row is None:
        return False
    event = ApprovalDecidedEvent(
        approval_id=str(this.id),
        step=row.step,
        tool=row.tool,
        tool_use_id=row.tool_use_id,
        decision=word,
        by=who,
        reason=reason or OMITTED,
    )
    events = [NewEvent(event)]
    job = await transitions.resume_decided(
        session, project_id=this.project_id, job_id=this.job_id, events=events
    )
    if job is not None:
        notifications.note(session, notifications.EventNotification(this.job_id, job.event_seq))
        transactional.note(session, EVENTS_APPENDED, len(events))
        if job.is_queued:
            notifications.note(session, notifications.WorkerWakeup(job.lane))
            await admission.admit(session, job.project_id)
    return True
