"""Holding money for an attempt when it is claimed: the most that it may cost, as far as the wallet, the budgets that
count it and the daily cap of its key allow.

A run of a listing with a price gets all of it or nothing: it must not begin when its price could not be paid.
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
from backend.money.budgets import usage as limits
from backend.money.budgets.errors import BudgetUsedUp
from backend.money.budgets.usage import Limit

# Both amounts are set from the row as it was locked. `reserved_micros + x` would first be computed, and checked against
# the balance, with the row as it was when the statement began: a job that ends meanwhile lowers both.
_RESERVE = text("""
with job as (
  select id, project_id from jobs where id = :job_id and attempt = :attempt and status = 'running' for update
), wallet as (
  select w.project_id, cast(:cap_micros as bigint) as wanted, w.balance_micros, w.reserved_micros,
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

_LET_GO = text("""
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
"""SQL: whether a budget or a daily cap may count the started job `s`. Reads nothing for jobs that can cost nothing."""


class Reserved(NamedTuple):
    """What is held for an attempt."""

    micros: int = 0
    lowered_by: Limit | None = None
    """The budget or daily cap that left no more; none: the job's own cap or the wallet decided."""
    is_wallet_too_small: bool = False
    """Nothing is held, and nothing will be before a top-up: all that is in the wallet would not do."""


NONE = Reserved()


def nothing_left(limit: Limit) -> PaymentRequired:
    """Return the error of a job that does not start because a limit has no room for it."""
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
    """Hold what each started attempt may cost; by job. Those that may cost nothing are left out.

    Projects come in one order, so that two claims never wait for each other's wallets. All of it is one transaction:
    jobs that start at the same moment would otherwise see each other's whole caps as used by a budget.
    """
    capped = sorted((row for row in started if row.cap_micros), key=lambda row: row.project_id)
    return {row.id: await _reserve(session, row) for row in capped}


async def _reserve(session: AnySession, row: Any) -> Reserved:
    held = await _hold(session, row)
    return await _lowered(session, row, held) if row.is_limited and held.micros else held


async def _hold(session: AnySession, row: Any) -> Reserved:
    """Take what the job may cost out of the wallet, or what is there."""
    values = {"job_id": row.id, "attempt": row.attempt}
    wanted = {"cap_micros": row.cap_micros, "is_all_or_nothing": row.price_micros > 0}
    held = (await session.execute(_RESERVE, {**values, **wanted})).one_or_none()
    if held is None:
        return NONE
    is_unpayable = row.price_micros > 0 and not held.reserved_micros
    return Reserved(held.reserved_micros, is_wallet_too_small=is_unpayable and held.is_too_small)


async def _lowered(session: AnySession, row: Any, held: Reserved) -> Reserved:
    """Give back what no budget and no daily cap has room for; all of it where the rest could not pay for the run."""
    values = {"job_id": row.id, "attempt": row.attempt}
    left = await limits.lower(session, "started", project_id=row.project_id, **values)
    if left is None or left.reserved_micros == held.micros:
        return held
    if left.reserved_micros < row.price_micros + (row.cap_micros > row.price_micros):
        await session.execute(_LET_GO, values)
        return Reserved(0, left.limit)
    return Reserved(left.reserved_micros, left.limit)
