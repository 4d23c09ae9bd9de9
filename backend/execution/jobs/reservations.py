"""Reserve money for an attempt when it is claimed.

The amount is its maximum cost, as far as the wallet, the budgets that count the job and the daily cap of its
key allow. For a run of a listing with a price, the reservation is all or nothing: the run must not start if
it could not be paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.core.errors import PaymentRequired
from backend.execution.jobs.errors import KeyCapReached
from backend.money.budgets import usage as budgets
from backend.money.budgets.errors import BudgetUsedUp
from backend.money.budgets.usage import Limit

# Both amounts are set from the locked row. `reserved_micros + x` would be computed, and checked against the balance,
# with the row as it was when the statement started, and a job that ends meanwhile lowers both.
_RESERVE = text("""
with job as (
  select id, project_id,
         case when type = 'flow' then price_micros + used_micros + called_used_micros end as owed_micros
  from jobs where id = :job_id and attempt = :attempt and status = 'running' for update
), wallet as (
  select w.project_id, least(cast(:cap_micros as bigint), (select owed_micros from job)) as wanted,
         w.balance_micros, w.reserved_micros,
         w.balance_micros - w.reserved_micros as available
  from wallets w where w.project_id = (select project_id from job) for update
), amount as (
  select project_id, wanted > balance_micros as is_too_small, balance_micros, reserved_micros,
         case when :is_all_or_nothing and wanted > available then 0 else least(wanted, available) end as micros
  from wallet
), held as (
  update wallets w set balance_micros = amount.balance_micros, reserved_micros = amount.reserved_micros + amount.micros
  from amount where w.project_id = amount.project_id returning amount.micros, amount.is_too_small
)
update jobs j set reserved_micros = held.micros from held where j.id = :job_id
returning j.reserved_micros, held.is_too_small
""")

_LOWER = text("""
with job as (
  select id, project_id, reserved_micros,
         greatest(:micros + price_micros, price_micros + used_micros + called_used_micros) as wanted
  from jobs
  where id = :job_id and project_id = :project_id and attempt = :attempt and status = 'running' for update
), wallet as (
  update wallets w set reserved_micros = w.reserved_micros - (job.reserved_micros - job.wanted)
  from job where w.project_id = job.project_id and job.wanted < job.reserved_micros
)
update jobs j set reserved_micros = job.wanted from job
where j.id = job.id and job.wanted < job.reserved_micros
returning j.reserved_micros
""")

_RELEASE = text("""
with job as (
  select id, project_id, reserved_micros from jobs
  where id = :job_id and attempt = :attempt and status = 'running' for update
), wallet as (
  update wallets w set reserved_micros = w.reserved_micros - job.reserved_micros
  from job where w.project_id = job.project_id
)
update jobs j set reserved_micros = 0 from job where j.id = job.id
""")

IS_LIMITED: Final = """case when s.cap_micros > 0 then
         exists (select from budgets b where b.project_id = s.project_id and b.enforce)
         or exists (select from api_keys k where k.id = s.api_key_id and k.daily_cap_micros is not null)
       else false end"""
"""SQL: whether a budget or a daily cap may count the started job `s`. Reads nothing for jobs without a cost."""


class Reserved(NamedTuple):
    """The reservation of an attempt."""

    micros: int = 0
    lowered_by: Limit | None = None
    """The budget or daily cap that lowered the reservation; None: the cap of the job or the wallet decided."""
    is_wallet_too_small: bool = False
    """Nothing is reserved, and nothing can be before a top-up: the whole balance is too small."""


NONE = Reserved()


def limit_error(limit: Limit) -> PaymentRequired:
    """Return the error of a job that does not start because a limit is used up."""
    if limit.kind == "budget":
        return BudgetUsedUp(
            limit.name,
            limit_micros=limit.limit_micros,
            used_micros=limit.used_micros,
            resets_at=limit.resets_at,
        )
    return KeyCapReached(
        limit.name,
        spent_micros=limit.used_micros,
        cap_micros=limit.limit_micros,
        resets_at=limit.resets_at or datetime.now(UTC),
    )


async def reserve(session: AnySession, started: Sequence[Any]) -> dict[UUID, Reserved]:
    """Reserve what each started attempt may cost, and return the reservations by job. Jobs without a cost are skipped.

    Wallets are locked in the order of the projects, so that two claims cannot deadlock. All of it is one transaction:
    otherwise jobs that start at the same time would count each other's whole caps against a budget.
    """
    capped = sorted((row for row in started if row.cap_micros), key=lambda row: row.project_id)
    return {row.id: await _reserve(session, row) for row in capped}


async def lower(
    session: AnySession, *, project_id: UUID, job_id: UUID, attempt: int, max_cost_micros: int
) -> int | None:
    """Release what an attempt may not use of its reservation: the job, with its subjobs, may only cost that much.

    Returns:
        The reservation; none if it is that low already.
    """
    values = {"project_id": project_id, "job_id": job_id, "attempt": attempt, "micros": max_cost_micros}
    lowered: int | None = (await session.execute(_LOWER, values)).scalar_one_or_none()
    return lowered


async def _reserve(session: AnySession, row: Any) -> Reserved:
    reserved = await _reserve_in_wallet(session, row)
    return await _apply_limits(session, row, reserved) if row.is_limited and reserved.micros else reserved


async def _reserve_in_wallet(session: AnySession, row: Any) -> Reserved:
    """Reserve what the job may cost, or what is available."""
    values = {"job_id": row.id, "attempt": row.attempt}
    terms = {"cap_micros": row.cap_micros, "is_all_or_nothing": row.price_micros > 0}
    reserved = (await session.execute(_RESERVE, {**values, **terms})).one_or_none()
    if reserved is None:
        return NONE
    is_unpayable = row.price_micros > 0 and not reserved.reserved_micros
    return Reserved(reserved.reserved_micros, is_wallet_too_small=is_unpayable and reserved.is_too_small)


async def _apply_limits(session: AnySession, row: Any, reserved: Reserved) -> Reserved:
    """Release what exceeds a budget or the daily cap; release all of it if the rest could not pay for the run."""
    values = {"job_id": row.id, "attempt": row.attempt}
    lowered = await budgets.lower_reservation(session, "started", project_id=row.project_id, **values)
    if lowered is None or lowered.reserved_micros == reserved.micros:
        return reserved
    if lowered.reserved_micros < row.price_micros + (row.cap_micros > row.price_micros):
        await session.execute(_RELEASE, values)
        return Reserved(0, lowered.limit)
    return Reserved(lowered.reserved_micros, lowered.limit)
