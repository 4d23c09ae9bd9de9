"""Holding money for an attempt when it is claimed: the most that it may cost, as far as wallet and budgets have it.

A run of a listing with a price gets all of it or nothing: it must not begin when its price could not be paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from backend.db import AnySession
from backend.ledger.budgets import standing as budgets

_RESERVE = text("""
with job as (
  select id, project_id from jobs where id = :job_id and attempt = :attempt and status = 'running' for update
), wallet as (
  select w.project_id, cast(:cap_micros as bigint) as wanted, w.balance_micros,
         w.balance_micros - w.reserved_micros as available
  from wallets w where w.project_id = (select project_id from job) for update
), amount as (
  select project_id, wanted > balance_micros as is_too_small,
         case when :is_all_or_nothing and wanted > available then 0 else least(wanted, available) end as micros
  from wallet
), held as (
  update wallets w set reserved_micros = w.reserved_micros + amount.micros
  from amount where w.project_id = amount.project_id returning amount.micros, amount.is_too_small
)
update jobs j set reserved_micros = held.micros from held where j.id = :job_id
returning j.reserved_micros, held.is_too_small,
          exists (select from budgets b where b.project_id = j.project_id and b.enforce) as has_budgets
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


class Reserved(NamedTuple):
    """What is held for an attempt."""

    micros: int = 0
    budget: str = ""
    """The budget that left no more; empty: the cap or the wallet decided."""
    is_wallet_too_small: bool = False
    """Nothing is held, and nothing will be before a top-up: all that is in the wallet would not do."""


NONE = Reserved()


async def reserve(session: AnySession, started: Sequence[Any]) -> dict[UUID, Reserved]:
    """Hold what each started attempt may cost; by job. Those that may cost nothing are left out.

    Statements of their own: a claim that is cut off before them is one that is lost. Projects come in one order, so
    that two claims never wait for each other's wallets.
    """
    capped = sorted((row for row in started if row.cap_micros), key=lambda row: row.project_id)
    return {row.id: await _reserve(session, row) for row in capped}


async def _reserve(session: AnySession, row: Any) -> Reserved:
    values = {"job_id": row.id, "attempt": row.attempt}
    wanted = {"cap_micros": row.cap_micros, "is_all_or_nothing": row.price_micros > 0}
    held = (await session.execute(_RESERVE, {**values, **wanted})).one_or_none()
    if held is None:
        return NONE
    if row.price_micros and not held.reserved_micros:
        return Reserved(is_wallet_too_small=held.is_too_small)
    if not held.has_budgets:
        return Reserved(held.reserved_micros)
    narrowed = await budgets.narrow(session, project_id=row.project_id, job_id=row.id, attempt=row.attempt)
    if narrowed is None:
        return Reserved(held.reserved_micros)
    by_budget = narrowed.reserved_micros < held.reserved_micros
    if by_budget and narrowed.reserved_micros < row.price_micros + (row.cap_micros > row.price_micros):
        await session.execute(_LET_GO, values)
        return Reserved(0, narrowed.name)
    return Reserved(narrowed.reserved_micros, narrowed.name if by_budget else "")
