"""Divide one bill among a job and its subjobs, exact to the micro.

The price of a listing comes first, then the line items of all jobs in the order of their creation: the first are
charged, the next are forgiven, and the rest exceeds the reservation. So the amounts of jobs, line items and ledger
entries have the same sums.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.money.ledger.tables import NO_KEY


class Amounts(Protocol):
    """The charged and the forgiven part of a bill."""

    @property
    def charged_micros(self) -> int:
        """The amount that the wallet pays."""

    @property
    def forgiven_micros(self) -> int:
        """The amount that is not charged because the first job did not succeed."""


class Part(NamedTuple):
    """The part of the bill that the first job has used itself."""

    charged_micros: int
    forgiven_micros: int


_SHARE: Final = text(f"""
with recursive tree as (
  select id, array[id] as path, skillpack_id, skill_name, coalesce(api_key_id, '{NO_KEY}') as api_key_id, environment
  from jobs where id = :job_id and project_id = :project_id
  union all
  select c.id, t.path || c.id, c.skillpack_id, c.skill_name, coalesce(c.api_key_id, '{NO_KEY}'),
         c.environment
  from tree t join jobs c on c.parent_job_id = t.id where c.bill = 'owed'
), line as (
  select u.id, u.job_id, u.billed_micros - u.waived_micros as billed_micros,
         cast(sum(u.billed_micros - u.waived_micros) over (order by u.kind <> 'listing', u.created_at, u.id) as bigint)
         as upto
  from tree join usage_events u on u.job_id = tree.id where u.billed_micros > u.waived_micros
), part as (
  select id, job_id, billed_micros,
         least(upto, :charged) - least(upto - billed_micros, :charged) as charged,
         least(upto, :paid) - least(upto - billed_micros, :paid) as paid
  from line
), waived as (
  update usage_events u set waived_micros = u.billed_micros - part.charged
  from part where u.id = part.id and part.charged < part.billed_micros
), own as (
  select tree.id, coalesce(sum(part.charged), 0) as charged, coalesce(sum(part.paid - part.charged), 0) as forgiven
  from tree left join part on part.job_id = tree.id group by tree.id
), called as (
  select a.id, sum(own.charged) as charged, sum(own.forgiven) as forgiven
  from tree a join tree b on a.id = any(b.path) and a.id <> b.id join own on own.id = b.id group by a.id
), entries as (
  insert into ledger_entries (transfer_id, account, project_id, job_id, kind, amount_micros, note, created_by,
                              created_at)
  select cast(:transfer_id as uuid), side.account, :project_id, own.id, 'job_charge', side.sign * own.charged, '',
         'job:' || own.id, now()
  from own, (values ('wallet', -1), ('revenue', 1)) as side (account, sign) where own.charged > 0
), daily as (
  insert into daily_spending as d (project_id, day, skillpack_id, skill_name, api_key_id, spent_micros,
                                   forgiven_micros)
  select :project_id, cast(:day as date), skillpack_id, split_part(skill_name, ':', 1), api_key_id, sum(charged),
         sum(forgiven)
  from tree join own on own.id = tree.id group by 3, 4, 5 having sum(charged + forgiven) > 0
  on conflict (project_id, day, skillpack_id, skill_name, api_key_id) do update
  set spent_micros = d.spent_micros + excluded.spent_micros,
      forgiven_micros = d.forgiven_micros + excluded.forgiven_micros
), daily_of_environment as (
  insert into environment_spending as d (project_id, day, environment, spent_micros, forgiven_micros)
  select :project_id, cast(:day as date), environment, sum(charged), sum(forgiven)
  from tree join own on own.id = tree.id where environment <> 'production'
  group by 3 having sum(charged + forgiven) > 0
  on conflict (project_id, day, environment) do update
  set spent_micros = d.spent_micros + excluded.spent_micros,
      forgiven_micros = d.forgiven_micros + excluded.forgiven_micros
), settled as (
  update jobs j
  set cost_micros = own.charged, forgiven_micros = own.forgiven,
      called_cost_micros = coalesce(called.charged, 0), called_forgiven_micros = coalesce(called.forgiven, 0),
      bill = case when j.id = :job_id then j.bill else 'folded' end
  from own left join called on called.id = own.id where j.id = own.id
)
select cast(charged as bigint) as charged_micros, cast(forgiven as bigint) as forgiven_micros
from own where id = :job_id
""")  # noqa: S608 - the interpolated value is a constant


async def allocate(
    session: AnySession, *, project_id: UUID, job_id: UUID, transfer_id: UUID, day: date, of: Amounts
) -> Part:
    """Store the amounts of the jobs and their line items, and return those of the first job."""
    values: dict[str, Any] = {
        "project_id": project_id,
        "job_id": job_id,
        "transfer_id": transfer_id,
        "day": day,
        "charged": of.charged_micros,
        "paid": of.charged_micros + of.forgiven_micros,
    }
    row = (await session.execute(_SHARE, values)).one()
    return Part(row.charged_micros, row.forgiven_micros)
