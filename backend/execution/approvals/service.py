"""List approvals and decide them. The first decision counts, until the approval expires."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core import notifications
from backend.core.db.paging import Page, Slice
from backend.core.errors import NotAllowed
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.approvals import reviewers, starts
from backend.execution.approvals.edits import ArgumentEdit, checked_edit
from backend.execution.approvals.errors import ApprovalDecided, ApprovalNotFound
from backend.execution.approvals.forms import checked_form
from backend.execution.approvals.schemas import ApprovalStatus, JobOfApproval
from backend.execution.approvals.tables import Approval
from backend.execution.approvals.types import EDITED
from backend.execution.events.append import NewEvent
from backend.execution.events.types import OMITTED, ApprovalDecidedEvent
from backend.execution.jobs import transitions
from backend.execution.jobs.access import inputs as input_access
from backend.execution.jobs.tables import Job
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.environments import Environment
from backend.money import admission

DecisionStatus = Literal["approved", "denied", "expired"]
MAX_SKILLS: Final = 100

_LOCK_JOB = text("select id from jobs where id = :job_id and project_id = :project_id for update")
_DECIDE = text("""
update approvals set status = :status, reason = :reason, form = cast(:form as json),
    arguments = cast(:arguments as json),
    effect = case when cast(:arguments as json) is null then effect
                  else cast(:edited as text) || coalesce(effect, '') end,
    decided_by = :who, decided_at = clock_timestamp()
where id = :id and project_id = :project_id and status = 'pending'
  and (expires_at > clock_timestamp()) = :is_in_time
returning job_id, step, tool, tool_use_id
""")
_STATUS = text("""
select case when status = 'pending' then 'expired' else status end from approvals
where id = :id and project_id = :project_id
""")


class ApprovalKey(NamedTuple):
    """Identifies an approval, with its job and project."""

    id: UUID
    job_id: UUID
    project_id: UUID

    def as_values(self) -> dict[str, Any]:
        """Return the values of SQL parameters."""
        return self._asdict()


@dataclass(frozen=True, slots=True)
class ApprovalFilter:
    """Conditions that the approvals of a list meet."""

    status: ApprovalStatus | None = None
    job_id: UUID | None = None
    skill: str | None = None
    """Name of the skill of the job."""
    environment: Environment | None = None
    session_id: UUID | None = None
    until: datetime | None = None
    """Requested at this time or before it."""


async def list_approvals(
    session: AsyncSession, principal: Principal, page: Page, filters: ApprovalFilter
) -> Slice[Approval]:
    """Return the approvals of the jobs that the principal can see, newest first."""
    principal.require(Role.VIEWER, "approvals:read")
    query = _visible_approvals(principal).where(*_conditions(filters, principal))
    below = page.time_position()
    if below is not None:
        query = query.where(tuple_(col(Approval.created_at), col(Approval.id)) < (below.at, below.id))
    query = query.order_by(col(Approval.created_at).desc(), col(Approval.id).desc()).limit(page.limit + 1)
    rows: Sequence[Approval] = (await session.scalars(query)).all()
    return page.slice(rows, lambda row: (row.created_at, row.id))


async def get(session: AsyncSession, principal: Principal, approval_id: UUID) -> Approval:
    """Return an approval of a job that the principal can see.

    Raises:
        ApprovalNotFound: There is none.
    """
    principal.require(Role.VIEWER, "approvals:read")
    return await _find(session, principal, approval_id)


async def jobs_of(
    session: AsyncSession, principal: Principal, approvals: Sequence[Approval]
) -> dict[UUID, JobOfApproval]:
    """Return what is shown of the jobs of approvals, by the ID of the job."""
    if not approvals:
        return {}
    columns = (Job.id, Job.skill_name, Job.type, Job.environment, Job.session_id)
    query = visible(Job, principal).with_only_columns(*(col(column) for column in columns))
    rows = await session.execute(query.where(col(Job.id).in_({one.job_id for one in approvals})))
    return {row.id: JobOfApproval(row.skill_name, row.type, row.environment, row.session_id) for row in rows}


async def skills_waiting(session: AsyncSession, principal: Principal) -> Sequence[str]:
    """Return the names of the skills with pending approvals, in order."""
    principal.require(Role.VIEWER, "approvals:read")
    pending = _visible_approvals(principal).where(col(Approval.status) == "pending")
    jobs = pending.with_only_columns(col(Approval.job_id))
    names = visible(Job, principal).where(col(Job.id).in_(jobs)).with_only_columns(col(Job.skill_name))
    return (await session.scalars(names.distinct().order_by(col(Job.skill_name)).limit(MAX_SKILLS))).all()


async def _find(session: AsyncSession, principal: Principal, approval_id: UUID) -> Approval:
    query = _visible_approvals(principal).where(col(Approval.id) == approval_id)
    approval: Approval | None = await session.scalar(query)
    if approval is None:
        raise ApprovalNotFound(approval_id)
    return approval


def _conditions(filters: ApprovalFilter, principal: Principal) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if filters.status is not None:
        conditions.append(col(Approval.status) == filters.status)
    if filters.job_id is not None:
        conditions.append(col(Approval.job_id) == filters.job_id)
    if filters.until is not None:
        conditions.append(col(Approval.created_at) <= filters.until)
    of_job: list[ColumnElement[bool]] = []
    if filters.skill is not None:
        of_job.append(col(Job.skill_name) == filters.skill)
    if filters.environment is not None:
        of_job.append(col(Job.environment) == filters.environment)
    if filters.session_id is not None:
        of_job.append(col(Job.session_id) == filters.session_id)
    if of_job:
        jobs = visible(Job, principal).where(*of_job).with_only_columns(col(Job.id))
        conditions.append(col(Approval.job_id).in_(jobs))
    return conditions


def _visible_approvals(principal: Principal) -> Select[Any]:
    """Return the query of the approvals of visible jobs: an approval shows the arguments of its job's calls."""
    query = visible(Approval, principal)
    if principal.sees_own_jobs_only or principal.confined_to is not None or principal.kind == "job":
        jobs = visible(Job, principal).with_only_columns(col(Job.id))
        query = query.where(col(Approval.job_id).in_(jobs))
    return query


async def decide(
    session: AsyncSession,
    principal: Principal,
    approval_id: UUID,
    status: DecisionStatus,
    *,
    reason: str = "",
    form: dict[str, Any] | None = None,
    arguments: dict[str, Any] | None = None,
) -> Approval:
    """Approve or reject a call. The job resumes after all its pending calls are decided.

    Args:
        session: A transaction.
        principal: Who decides.
        approval_id: The approval.
        status: The decision.
        reason: The reason, which a model receives.
        form: Values for the form of the approval.
        arguments: Arguments with which the call is made instead of its own; for the start of a job, its inputs.

    Raises:
        NotAllowed: The principal may not decide, or not change arguments. Jobs never can.
        ApprovalNotFound: The principal can see no such approval.
        ApprovalDecided: It was decided before, or has expired.
        NotReviewer: It names reviewers, and the principal is none of them.
        Invalid: The values are not valid for the form, or the arguments for the tool or the skill. Nothing is decided.
        FileNotAllowed: They name a file that the principal may not read.
    """
    principal.require(Role.DEVELOPER, "approvals:write")
    if principal.kind == "job":
        raise NotAllowed("A job cannot decide approvals. Decide in the studio, or with an API key.")
    approval = await _find(session, principal, approval_id)
    key = ApprovalKey(approval_id, approval.job_id, approval.project_id)
    reviewers.require(principal, approval.reviewers)
    values = edit = input_edit = None
    if (approval.status, status) == ("pending", "approved"):
        if approval.is_start:
            input_edit = await starts.checked_inputs(session, principal, approval, arguments)
            edit = None if input_edit is None else input_edit.arguments
        else:
            edit = checked_edit(approval, principal, arguments)
        values = checked_form(approval, form)
        if values is not None:
            await input_access.check_values(session, principal, approval.form_schema or {}, values)
    decided = await apply_decision(
        session, key, status, reason=reason, actor=principal.label, form=values, edit=edit
    )
    if not decided:
        status = (await session.execute(_STATUS, key.as_values())).scalar_one()
        raise ApprovalDecided(approval_id, status)
    if input_edit is not None:
        await starts.store(session, approval, input_edit)
    await audit.record(
        session,
        principal,
        f"approval.{status}",
        f"approval:{approval_id}",
        job_id=str(approval.job_id),
        tool=approval.tool,
        **({} if edit is None else edit.facts),
    )
    await session.refresh(approval)
    return approval


async def apply_decision(
    session: AsyncSession,
    key: ApprovalKey,
    status: DecisionStatus,
    *,
    reason: str,
    actor: str,
    form: dict[str, Any] | None = None,
    edit: ArgumentEdit | None = None,
) -> bool:
    """Store a decision without a permission check; False if the approval was decided before.

    The row of the job is locked first, so that the last of several decisions requeues it.
    """
    values = key.as_values()
    await session.execute(_LOCK_JOB, values)
    decision = {
        "status": status,
        "reason": reason,
        "who": actor,
        "form": None if form is None else json.dumps(form),
        "arguments": None if edit is None else json.dumps(edit.after),
        "edited": EDITED,
        "is_in_time": status != "expired",
    }
    row = (await session.execute(_DECIDE, {**values, **decision})).one_or_none()
    if row is None:
        return False
    event = ApprovalDecidedEvent(
        approval_id=str(key.id),
        step=row.step,
        tool=row.tool,
        tool_use_id=row.tool_use_id,
        decision=status,
        by=actor,
        reason=reason or OMITTED,
        **({} if edit is None else edit.facts),
    )
    events = [NewEvent(event)]
    job = await transitions.resume_decided(
        session, project_id=key.project_id, job_id=key.job_id, events=events
    )
    if job is not None:
        notifications.note(session, notifications.EventNotification(key.job_id, job.event_seq))
        transactional.note(session, EVENTS_APPENDED, len(events))
        if job.is_queued:
            notifications.note(session, notifications.wakeup_for(job.lane, job.parent_id))
            await admission.admit(session, job.project_id)
    return True
