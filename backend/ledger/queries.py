"""Readings of the ledger for the people who pay."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Select, Text, and_, cast, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.auth.principal import Principal, Role, visible
from backend.jobs.queries import get_row
from backend.jobs.tables import Job
from backend.ledger.schemas import Balance, LedgerLine, Receipt, ReceiptLine, UsageRow
from backend.ledger.tables import LedgerEntry, UsageEvent, Wallet

Group = Literal["day", "skill", "model", "key", "version"]

_GROUPS: dict[str, Any] = {
    "day": func.to_char(Job.finished_at, "YYYY-MM-DD"),
    "skill": Job.skill_name,
    "key": func.coalesce(Job.submitted_by, ""),
    "version": func.coalesce(cast(Job.deployment_version, Text), "draft"),
}

_ENDED: dict[str, str] = {"failed": "failed", "cancelled": "was cancelled"}


async def balance(session: AsyncSession, principal: Principal) -> Balance:
    """What the project's wallet holds now."""
    principal.require(Role.VIEWER, "billing:read")
    wallet: Wallet = (await session.execute(visible(Wallet, principal))).scalar_one()
    return Balance.of(wallet)


async def entries(
    session: AsyncSession, principal: Principal, *, limit: int, before_id: int | None = None
) -> list[LedgerLine]:
    """The wallet's entries, newest first, from below `before_id`."""
    principal.require(Role.VIEWER, "billing:read")
    query = visible(LedgerEntry, principal).where(col(LedgerEntry.account) == "wallet")
    if before_id is not None:
        query = query.where(col(LedgerEntry.id) < before_id)
    rows = (await session.execute(query.order_by(col(LedgerEntry.id).desc()).limit(limit))).scalars()
    return [LedgerLine.of(row) for row in rows]


async def usage(
    session: AsyncSession, principal: Principal, *, group_by: Group, since: datetime, until: datetime
) -> list[UsageRow]:
    """What was spent between two moments, grouped by one thing; jobs that ended then."""
    principal.require(Role.VIEWER, "billing:read")
    query = (
        _usage_by_model(principal, since, until)
        if group_by == "model"
        else _usage_by_job(principal, group_by, since, until)
    )
    rows = (await session.execute(query)).all()
    return [
        UsageRow(
            group=str(row.group),
            jobs=row.jobs,
            failed=row.failed,
            cost_micros=int(row.cost_micros or 0),
            cost_usd=int(row.cost_micros or 0) / 1e6,
        )
        for row in rows
    ]


async def receipt(session: AsyncSession, principal: Principal, job_id: UUID) -> Receipt:
    """Line by line, what a job used and what was billed for it.

    Raises:
        JobNotFound: there is none that the principal may see.
    """
    job = await get_row(session, principal, job_id)
    query = (
        visible(UsageEvent, principal)
        .where(col(UsageEvent.job_id) == job_id)
        .order_by(col(UsageEvent.created_at), col(UsageEvent.id))
    )
    lines = (await session.execute(query)).scalars().all()
    shows_upstream = principal.role >= Role.OWNER
    has_ended = job.finished_at is not None
    over_cap = job.used_micros - job.cost_micros - job.forgiven_micros if has_ended else 0
    return Receipt(
        job_id=job_id,
        status=job.status,
        used_micros=job.used_micros,
        cost_micros=job.cost_micros,
        cost_usd=job.cost_micros / 1e6,
        forgiven_micros=job.forgiven_micros,
        over_cap_micros=over_cap,
        cap_micros=job.cap_micros,
        notes=_notes(job, over_cap),
        lines=[ReceiptLine.of(line, shows_upstream=shows_upstream) for line in lines],
    )


def _notes(job: Job, over_cap_micros: int) -> list[str]:
    notes = []
    if job.forgiven_micros:
        rest = "; the rest was charged, since the day's amount was reached" if job.cost_micros else ""
        notes.append(
            f"${job.forgiven_micros / 1e6:.6f} were forgiven because the job {_ENDED[job.status]}{rest}."
        )
    elif job.cost_micros and job.status != "succeeded":
        notes.append("The job was charged: its project had been forgiven the day's amount before.")
    if over_cap_micros:
        notes.append(
            f"${over_cap_micros / 1e6:.6f} were over what was reserved for the job and are not charged."
        )
    return notes


def _usage_by_job(
    principal: Principal, group_by: str, since: datetime, until: datetime
) -> Select[*tuple[Any, ...]]:
    jobs = visible(Job, principal).where(and_(col(Job.finished_at) >= since, col(Job.finished_at) < until))
    group = _GROUPS[group_by].label("group")
    return (
        jobs.with_only_columns(
            group,
            func.count().label("jobs"),
            func.count().filter(col(Job.status) == "failed").label("failed"),
            func.sum(Job.cost_micros).label("cost_micros"),
        )
        .group_by(group)
        .order_by(group)
    )


def _usage_by_model(principal: Principal, since: datetime, until: datetime) -> Select[*tuple[Any, ...]]:
    used = visible(UsageEvent, principal).where(
        and_(col(UsageEvent.created_at) >= since, col(UsageEvent.created_at) < until)
    )
    group = func.coalesce(func.nullif(UsageEvent.model, ""), UsageEvent.kind).label("group")
    return (
        used.with_only_columns(
            group,
            func.count(func.distinct(UsageEvent.job_id)).label("jobs"),
            func.sum(0).label("failed"),
            func.sum(UsageEvent.billed_micros).label("cost_micros"),
        )
        .group_by(group)
        .order_by(group)
    )
