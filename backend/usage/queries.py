"""Read the wallet, the ledger and receipts of a project."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.execution.jobs.queries import get_row
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, Role, visible
from backend.marketplace.sales import LINE
from backend.money.ledger.tables import LedgerEntry, UsageEvent, Wallet
from backend.usage.schemas import Balance, LedgerLine, Receipt, ReceiptLine

_ENDED: dict[str, str] = {"failed": "failed", "cancelled": "was cancelled"}


async def balance(session: AsyncSession, principal: Principal) -> Balance:
    """Return the balance of the project's wallet."""
    principal.require(Role.VIEWER, "billing:read")
    wallet: Wallet = (await session.execute(visible(Wallet, principal))).scalar_one()
    return Balance.of(wallet)


async def entries(
    session: AsyncSession, principal: Principal, *, limit: int, before_id: int | None = None
) -> list[LedgerLine]:
    """Return the ledger entries of the wallet with IDs below `before_id`, newest first."""
    principal.require(Role.VIEWER, "billing:read")
    query = visible(LedgerEntry, principal).where(col(LedgerEntry.account) == "wallet")
    if before_id is not None:
        query = query.where(col(LedgerEntry.id) < before_id)
    rows = (await session.execute(query.order_by(col(LedgerEntry.id).desc()).limit(limit))).scalars()
    return [LedgerLine.of(row) for row in rows]


async def receipt(session: AsyncSession, principal: Principal, job_id: UUID) -> Receipt:
    """Return the receipt of a job.

    Raises:
        JobNotFound: The principal can see no such job.
    """
    job = await get_row(session, principal, job_id)
    query = (
        visible(UsageEvent, principal)
        .where(col(UsageEvent.job_id) == job_id)
        .order_by(col(UsageEvent.kind) != LINE, col(UsageEvent.created_at), col(UsageEvent.id))
    )
    lines = (await session.execute(query)).scalars().all()
    called = (
        await session.scalars(
            visible(Job, principal)
            .where(col(Job.parent_job_id) == job_id, col(Job.finished_at).is_not(None))
            .where((col(Job.bill) != "own") | (col(Job.used_micros) == 0))
        )
    ).all()
    shows_upstream = principal.role >= Role.OWNER
    shown = [ReceiptLine.of(line, shows_upstream=shows_upstream) for line in lines]
    shown += [ReceiptLine.of_called(one) for one in called]
    used, cost, forgiven = (
        job.used_micros + job.called_used_micros,
        job.cost_micros + job.called_cost_micros,
        job.forgiven_micros + job.called_forgiven_micros,
    )
    is_settled = job.finished_at is not None and job.bill != "owed"
    over_cap = used - cost - forgiven if is_settled else 0
    return Receipt(
        job_id=job_id,
        status=job.status,
        billed_to_job_id=None if job.bill == "own" else job.parent_job_id,
        used_micros=used,
        cost_micros=cost,
        cost_usd=cost / 1e6,
        forgiven_micros=forgiven,
        over_cap_micros=over_cap,
        cap_micros=job.cap_micros,
        notes=[
            *_notes_of_called(job),
            *_notes(job, cost, forgiven, over_cap),
            *_notes_of_estimates(lines),
        ],
        lines=sorted(shown, key=lambda line: (line.kind != "listing", line.at)),
    )


def _notes_of_called(job: Job) -> list[str]:
    if job.bill == "own":
        return []
    when = "will be paid with" if job.bill == "owed" else "was settled with"
    return [f"It {when} the job that called it, {job.parent_job_id}, with the outcome of that job."]


def _notes_of_estimates(lines: Sequence[UsageEvent]) -> list[str]:
    count = sum(line.is_estimated for line in lines)
    if not count:
        return []
    replies = "one reply" if count == 1 else f"{count} replies"
    return [
        f"The provider reported no usage for {replies}. "
        "The tokens and the price are estimated by the length of the texts."
    ]


def _notes(job: Job, cost_micros: int, forgiven_micros: int, over_cap_micros: int) -> list[str]:
    notes = []
    who = (
        f"the job {_ENDED.get(job.status, '')}"
        if job.bill == "own"
        else "the job that called it did not succeed"
    )
    if forgiven_micros:
        rest = "; the rest was charged, because the daily amount was used up" if cost_micros else ""
        notes.append(f"${forgiven_micros / 1e6:.6f} were forgiven because {who}{rest}.")
    elif cost_micros and job.status != "succeeded" and job.bill == "own":
        notes.append(
            "The job was charged, because the daily amount of the project that is forgiven was used up."
        )
    if job.price_micros and job.finished_at is not None and job.status != "succeeded":
        notes.append(
            f"The price of the listing, ${job.price_micros / 1e6:.6f}, is charged only for runs that succeed."
        )
    if over_cap_micros:
        notes.append(f"${over_cap_micros / 1e6:.6f} exceeded the reservation of the job and are not charged.")
    return notes
