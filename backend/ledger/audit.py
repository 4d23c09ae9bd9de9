"""The proof of the books: what must be true of money and windows, checked against every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing in the books that does not add up."""

    rule: str
    """The law that is broken, as a sentence."""
    facts: dict[str, Any]


_LAWS = {
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
    "money is in a wallet, or was taken out of it": """
        select e.project_id::text as project, sum(e.amount_micros)::bigint as sum_micros from ledger_entries e
        where e.account = 'wallet' and not exists (select from wallets w where w.project_id = e.project_id)
        group by e.project_id having sum(e.amount_micros) <> 0""",
    "the wallet of a project that is gone is closed": """
        select w.project_id::text as project, w.balance_micros, w.reserved_micros
        from wallets w join projects p on p.id = w.project_id
        where p.purged_at is not null and (w.balance_micros <> 0 or w.reserved_micros <> 0)""",
    "what is reserved is the sum of its running jobs": """
        select w.project_id::text as project, w.reserved_micros, coalesce(j.sum_micros, 0)::bigint as sum_micros
        from wallets w left join (
          select project_id, sum(reserved_micros) as sum_micros from jobs where reserved_micros > 0 group by project_id
        ) j on j.project_id = w.project_id
        where w.reserved_micros <> coalesce(j.sum_micros, 0)""",
    "only running jobs hold a reservation": """
        select id::text as job, status, reserved_micros from jobs
        where reserved_micros > 0 and status not in ('running', 'waiting')""",
    "a job's cost is what its wallet paid": """
        select j.id::text as job, j.cost_micros, coalesce(e.paid, 0)::bigint as paid_micros
        from jobs j left join (
          select job_id, -sum(amount_micros) as paid from ledger_entries
          where account = 'wallet' and job_id is not null group by job_id
        ) e on e.job_id = j.id
        where j.cost_micros <> coalesce(e.paid, 0)""",
    "what a job used is the sum of the bills of its calls": """
        select j.id::text as job, j.used_micros, coalesce(u.sum_micros, 0)::bigint as sum_micros
        from jobs j left join (
          select job_id, sum(billed_micros) as sum_micros from usage_events group by job_id
        ) u on u.job_id = j.id
        where j.used_micros <> coalesce(u.sum_micros, 0)""",
    "a job that has ended costs what of its calls' bills was not waived": """
        select j.id::text as job, j.cost_micros, coalesce(u.sum_micros, 0)::bigint as sum_micros
        from jobs j left join (
          select job_id, sum(billed_micros - waived_micros) as sum_micros from usage_events group by job_id
        ) u on u.job_id = j.id
        where j.finished_at is not null and j.cost_micros <> coalesce(u.sum_micros, 0)""",
    "nobody pays or is forgiven more than was used": """
        select id::text as job, used_micros, cost_micros, forgiven_micros from jobs
        where cost_micros + forgiven_micros > used_micros or least(cost_micros, forgiven_micros) < 0""",
    "what the days cost is what the wallet paid for jobs": """
        select coalesce(d.project_id, e.project_id)::text as project, d.spent_micros, e.paid_micros
        from (select project_id, sum(spent_micros) as spent_micros from daily_spending group by project_id) d
        full join (
          select project_id, -sum(amount_micros) as paid_micros from ledger_entries
          where account = 'wallet' and kind = 'job_charge' group by project_id
        ) e on e.project_id = d.project_id
        where coalesce(d.spent_micros, 0) <> coalesce(e.paid_micros, 0)
          and not exists (select from projects p where p.id = e.project_id and p.deleted_at is not null)""",
    "what a project was last forgiven is what its jobs were on that day": """
        select w.project_id::text as project, w.forgiven_micros, coalesce(d.sum_micros, 0)::bigint as sum_micros
        from wallets w join projects p on p.id = w.project_id left join (
          select project_id, day, sum(forgiven_micros) as sum_micros from daily_spending group by project_id, day
        ) d on d.project_id = w.project_id and d.day = w.forgiven_on
        where p.deleted_at is null and w.forgiven_micros <> coalesce(d.sum_micros, 0)""",
    "a project's window counts its ready and running jobs": """
        select a.project_id::text as project, a.admitted, coalesce(q.ready, 0) + coalesce(r.running, 0) as counted
        from admissions a
        left join (select project_id, count(*) as ready from job_queue where stamp is not null group by project_id) q
          on q.project_id = a.project_id
        left join (
          select project_id, count(*) as running from jobs
          where status = 'running' and parent_job_id is null group by project_id
        ) r on r.project_id = a.project_id
        where a.admitted <> coalesce(q.ready, 0) + coalesce(r.running, 0)""",
    "a project's window counts the jobs that wait outside of it": """
        select a.project_id::text as project, a.parked, coalesce(q.parked, 0) as counted
        from admissions a
        left join (select project_id, count(*) as parked from job_queue where stamp is null group by project_id) q
          on q.project_id = a.project_id
        where a.parked <> coalesce(q.parked, 0)""",
    "every queued job that no other job has called has its place in the queue, and nothing else has": """
        select coalesce(j.id, q.job_id)::text as job, j.status
        from (select id, status from jobs where status = 'queued' and parent_job_id is null) j
        full join job_queue q on q.job_id = j.id where j.id is null or q.job_id is null""",
}


async def prove(session: AsyncSession) -> list[Finding]:
    """Check every law of the books; an empty list is the proof."""
    return [
        Finding(law, dict(row._mapping))
        for law, query in _LAWS.items()
        for row in (await session.execute(text(query))).all()
    ]
