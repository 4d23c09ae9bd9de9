"""Check the invariants of ledger, jobs and windows against all rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A row that violates an invariant."""

    rule: str
    """The description of the invariant."""
    facts: dict[str, Any]


_RULES = {
    "the entries of every transfer sum to zero": """
        select transfer_id::text as transfer, sum(amount_micros)::bigint as sum_micros
        from ledger_entries group by transfer_id having sum(amount_micros) <> 0""",
    "a wallet's balance is the sum of its entries": """
        select w.project_id::text as project, w.balance_micros, coalesce(e.sum_micros, 0)::bigint as sum_micros
        from wallets w left join (
          select project_id, sum(amount_micros) as sum_micros from ledger_entries where account = 'wallet'
          group by project_id
        ) e on e.project_id = w.project_id
        where w.balance_micros <> coalesce(e.sum_micros, 0)""",
    "the entries of a missing wallet sum to zero": """
        select e.project_id::text as project, sum(e.amount_micros)::bigint as sum_micros from ledger_entries e
        where e.account = 'wallet' and not exists (select from wallets w where w.project_id = e.project_id)
        group by e.project_id having sum(e.amount_micros) <> 0""",
    "the wallet of a purged project is closed": """
        select w.project_id::text as project, w.balance_micros, w.reserved_micros
        from wallets w join projects p on p.id = w.project_id
        where p.purged_at is not null and (w.balance_micros <> 0 or w.reserved_micros <> 0)""",
    "the reservations of a wallet sum to those of its running jobs": """
        select w.project_id::text as project, w.reserved_micros, coalesce(j.sum_micros, 0)::bigint as sum_micros
        from wallets w left join (
          select project_id, sum(reserved_micros) as sum_micros from jobs where reserved_micros > 0 group by project_id
        ) j on j.project_id = w.project_id
        where w.reserved_micros <> coalesce(j.sum_micros, 0)""",
    "only running jobs have a reservation": """
        select id::text as job, status, reserved_micros from jobs
        where reserved_micros > 0 and status not in ('running', 'waiting')""",
    "the cost of a job is what its wallet paid": """
        select j.id::text as job, j.cost_micros, coalesce(e.paid, 0)::bigint as paid_micros
        from jobs j left join (
          select job_id, -sum(amount_micros) as paid from ledger_entries
          where account = 'wallet' and job_id is not null and kind = 'job_charge' group by job_id
        ) e on e.job_id = j.id
        where j.cost_micros <> coalesce(e.paid, 0)""",
    "the usage of a job is the sum of its line items": """
        select j.id::text as job, j.used_micros, coalesce(u.sum_micros, 0)::bigint as sum_micros
        from jobs j left join (
          select job_id, sum(billed_micros) as sum_micros from usage_events group by job_id
        ) u on u.job_id = j.id
        where j.used_micros <> coalesce(u.sum_micros, 0)""",
    "the cost of a job that has ended is the sum of its line items that were not waived": """
        select j.id::text as job, j.cost_micros, coalesce(u.sum_micros, 0)::bigint as sum_micros
        from jobs j left join (
          select job_id, sum(billed_micros - waived_micros) as sum_micros from usage_events group by job_id
        ) u on u.job_id = j.id
        where j.finished_at is not null and j.bill <> 'owed' and j.cost_micros <> coalesce(u.sum_micros, 0)""",
    "a job owes what its subjobs have used, within their loans": """
        select j.id::text as job, j.called_used_micros, coalesce(c.sum_micros, 0)::bigint as sum_micros
        from jobs j left join (
          select parent_job_id, sum(used_micros + called_used_micros - over_lent_micros) as sum_micros from jobs
          where bill <> 'own' group by parent_job_id
        ) c on c.parent_job_id = j.id
        where j.finished_at is null and j.called_used_micros <> coalesce(c.sum_micros, 0)""",
    "the bills of subjobs are paid when the parent ends": """
        select c.id::text as job, c.used_micros from jobs c left join jobs p on p.id = c.parent_job_id
        where c.bill = 'owed' and (p.id is null or (p.finished_at is not null and p.bill <> 'owed'))""",
    "the cost of subjobs is a part of the cost of their parents": """
        select p.id::text as job, p.called_cost_micros, sum(c.cost_micros + c.called_cost_micros)::bigint as sum_micros
        from jobs p join jobs c on c.parent_job_id = p.id where c.bill = 'folded'
        group by p.id, p.called_cost_micros
        having p.called_cost_micros < sum(c.cost_micros + c.called_cost_micros)""",
    "no job is charged or forgiven more than was used": """
        select id::text as job, used_micros, cost_micros, forgiven_micros from jobs
        where cost_micros + forgiven_micros > used_micros or least(cost_micros, forgiven_micros) < 0""",
    "the full price of a listing is charged for each run that succeeded, and for no other": """
        select j.id::text as job, j.status, j.price_micros, coalesce(u.paid_micros, 0)::bigint as paid_micros
        from jobs j left join (
          select job_id, sum(billed_micros - waived_micros) as paid_micros from usage_events where kind = 'listing'
          group by job_id
        ) u on u.job_id = j.id
        where (j.listing_id is not null or u.job_id is not null)
          and coalesce(u.paid_micros, 0) <> case when j.status = 'succeeded' then j.price_micros else 0 end""",
    "a publisher is credited its part of the price once for each run that succeeded, and for no other": """
        select j.id::text as job, j.status, j.earning_micros, coalesce(e.earned_micros, 0)::bigint as earned_micros
        from jobs j left join (
          select job_id, sum(amount_micros) as earned_micros from ledger_entries
          where kind = 'listing_sale' and account <> 'revenue' group by job_id
        ) e on e.job_id = j.id
        where (j.listing_id is not null or e.job_id is not null)
          and coalesce(e.earned_micros, 0) <> case when j.status = 'succeeded' then j.earning_micros else 0 end""",
    "no publisher receives more than the price, and no project pays itself a price": """
        select id::text as job, price_micros, earning_micros from jobs
        where earning_micros > price_micros or least(price_micros, earning_micros) < 0
           or (price_micros > 0 and (publisher_id is null or publisher_id = project_id))""",
    "the earnings of listings are what their publishers were credited": """
        select coalesce(c.project_id, e.project_id)::text as project, c.earned_micros, e.credited_micros
        from (select project_id, sum(earned_micros) as earned_micros from listing_callers group by project_id) c
        full join (
          select project_id, sum(amount_micros) as credited_micros from ledger_entries
          where kind = 'listing_sale' and account <> 'revenue' group by project_id
        ) e on e.project_id = c.project_id
        where coalesce(c.earned_micros, 0) <> coalesce(e.credited_micros, 0)
          and not exists (select from projects p where p.id = e.project_id and p.deleted_at is not null)""",
    "the daily spending sums to what the wallet paid for jobs": """
        select coalesce(d.project_id, e.project_id)::text as project, d.spent_micros, e.paid_micros
        from (select project_id, sum(spent_micros) as spent_micros from daily_spending group by project_id) d
        full join (
          select project_id, -sum(amount_micros) as paid_micros from ledger_entries
          where account = 'wallet' and kind = 'job_charge' group by project_id
        ) e on e.project_id = d.project_id
        where coalesce(d.spent_micros, 0) <> coalesce(e.paid_micros, 0)
          and not exists (select from projects p where p.id = e.project_id and p.deleted_at is not null)""",
    "the amount that was last forgiven is that of the jobs of that day": """
        select w.project_id::text as project, w.forgiven_micros, coalesce(d.sum_micros, 0)::bigint as sum_micros
        from wallets w join projects p on p.id = w.project_id left join (
          select project_id, day, sum(forgiven_micros) as sum_micros from daily_spending group by project_id, day
        ) d on d.project_id = w.project_id and d.day = w.forgiven_on
        where p.deleted_at is null and w.forgiven_micros <> coalesce(d.sum_micros, 0)""",
    "the window of a project counts its ready and running jobs": """
        select a.project_id::text as project, a.admitted, coalesce(q.ready, 0) + coalesce(r.running, 0) as counted
        from admissions a
        left join (select project_id, count(*) as ready from job_queue where stamp is not null group by project_id) q
          on q.project_id = a.project_id
        left join (
          select project_id, count(*) as running from jobs
          where status = 'running' and finished_at is null and (parent_job_id is null or is_step) group by project_id
        ) r on r.project_id = a.project_id
        where a.admitted <> coalesce(q.ready, 0) + coalesce(r.running, 0)""",
    "a job has a worker exactly while it runs": """  -- the search for the jobs of lost workers depends on it
        select id::text as job, status, worker_id::text as worker
        from jobs where finished_at is null and (status = 'running') <> (worker_id is not null)""",
    "the window of a project counts its pending jobs": """
        select a.project_id::text as project, a.parked, coalesce(q.pending, 0) as counted
        from admissions a
        left join (select project_id, count(*) as pending from job_queue where stamp is null group by project_id) q
          on q.project_id = a.project_id
        where a.parked <> coalesce(q.pending, 0)""",
    "every queued job that is not a subjob has an entry in the queue, and no other job has one": """
        select coalesce(j.id, q.job_id)::text as job, j.status
        from (select id, status from jobs where status = 'queued' and (parent_job_id is null or is_step)) j
        full join job_queue q on q.job_id = j.id where j.id is null or q.job_id is null""",
}


async def check_ledger(session: AsyncSession) -> list[Discrepancy]:
    """Check all invariants and return the violations."""
    return [
        Discrepancy(rule, dict(row._mapping))
        for rule, query in _RULES.items()
        for row in (await session.execute(text(query))).all()
    ]
