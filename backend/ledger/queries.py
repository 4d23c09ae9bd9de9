"""Readings of the ledger for the people who pay."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.auth.principal import Principal, Role, visible
from backend.jobs.queries import get_row
from backend.jobs.tables import Job
from backend.ledger.schemas import Balance, LedgerLine, Receipt, ReceiptLine
from backend.ledger.tables import LedgerEntry, UsageEvent, Wallet

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
