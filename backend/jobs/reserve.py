"""Holding money for an attempt when it is claimed: the most that it may cost, as far as wallet and budgets have it."""

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
), called as (
  select coalesce(sum(cost_micros), 0) as cost_micros from jobs where parent_job_id = :job_id
), wallet as (
  select w.project_id, least(
    greatest(1, cast(:cap_micros as bigint) - (select cost_micros from called)), w.balance_micros - w.reserved_micros
  ) as amount
  from wallets w where w.project_id = (select project_id from job) for update
), held as (
  update wallets w set reserved_micros = w.reserved_micros + wallet.amount
  from wallet where w.project_id = wallet.project_id returning wallet.amount
)
update jobs j set reserved_micros = held.amount from held where j.id = :job_id
returning j.reserved_micros,
          exists (select from budgets b where b.project_id = j.project_id and b.enforce) as has_budgets
""")


class Reserved(NamedTuple):
    """What is held for an attempt."""

    micros: int = 0
    budget: str = ""
    """The budget that left no more; empty: the cap or the wallet decided."""


NONE = Reserved()


async def reserve(session: AnySession, started: Sequence[Any]) -> dict[UUID, Reserved]:
    """Hold what each started attempt may cost; by job. Those that may cost nothing are left out.

    Statements of their own: a claim that is cut off before them is one that is lost. Projects come in one order, so
    that two claims never wait for each other's wallets.
    """
    capped = sorted((row for row in started if row.cap_micros), key=lambda row: row.project_id)
    return {row.id: await _reserve(session, row) for row in capped}


async def _reserve(session: AnySession, row: Any) -> Reserved:
    values = {"cap_micros": row.cap_micros, "job_id": row.id, "attempt": row.attempt}
    held = (await session.execute(_RESERVE, values)).one_or_none()
    if held is None:
        return NONE
    if not held.has_budgets:
        return Reserved(held.reserved_micros)
    narrowed = await budgets.narrow(session, project_id=row.project_id, job_id=row.id, attempt=row.attempt)
    if narrowed is None:
        return Reserved(held.reserved_micros)
    by_budget = narrowed.reserved_micros < held.reserved_micros
    return Reserved(narrowed.reserved_micros, narrowed.name if by_budget else "")
