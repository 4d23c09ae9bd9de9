"""How budgets stand: what of each is used in its window, read from the days' spending and from what runs now.

Used is what was spent, what is reserved for jobs that run, and what was forgiven: else a loop of failing jobs, or many
jobs at once, would go past every limit. What a called job has used counts as its own, not as a part of what is reserved
for its caller, which pays it in the end: nothing counts twice.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.db import AnySession
from backend.ledger.budgets.errors import BudgetReached
from backend.webhooks.facts import telling

ALERT_ACTION: Final = "budget.alerted"
"""What the audit calls an alert; one row per budget and window, written with the money that crossed the line."""
ALERT_EVENT: Final = "budget.alert"
"""What webhooks call it."""

STANDING: Final = """
select b.id, b.project_id, b.name, b.scope, b.skillpack_id, b.skill_name, b.api_key_id, b.period, b.limit_micros,
       b.alert_pct, b.enforce, b.alerted_on, b.created_by, b.created_at, win.since,
       coalesce(s.spent, 0) as spent_micros, coalesce(s.forgiven, 0) as forgiven_micros,
       coalesce(r.reserved, 0) as reserved_micros,
       cast(coalesce(s.spent, 0) + coalesce(s.forgiven, 0) + coalesce(r.reserved, 0) as bigint) as used_micros
from budgets b
cross join lateral (
  select case b.period when 'day' then today.day when 'month' then cast(date_trunc('month', today.day) as date)
         when 'rolling30' then today.day - 29 else date '1970-01-01' end as since
  from (select cast(now() at time zone 'UTC' as date) as day) today
) win
left join lateral (
  select sum(d.spent_micros) as spent, sum(d.forgiven_micros) as forgiven from daily_spending d
  where d.project_id = b.project_id and d.day >= win.since
    and (b.skillpack_id is null or d.skillpack_id = b.skillpack_id)
    and (b.skill_name is null or d.skill_name = b.skill_name)
    and (b.api_key_id is null or d.api_key_id = b.api_key_id)
) s on true
left join lateral (
  select sum(j.micros) as reserved from (
    select skillpack_id, skill_name, api_key_id, greatest(0, reserved_micros - called_used_micros) as micros from jobs
    where project_id = b.project_id and status in ('running', 'waiting') and reserved_micros > 0
    union all
    select skillpack_id, skill_name, api_key_id, used_micros from jobs where project_id = b.project_id and bill = 'owed'
  ) j
  where (b.skillpack_id is null or j.skillpack_id = b.skillpack_id)
    and (b.skill_name is null or split_part(j.skill_name, ':', 1) = b.skill_name)
    and (b.api_key_id is null or j.api_key_id = b.api_key_id)
) r on true
where b.project_id = :project_id
"""
"""SQL of a project's budgets and how they stand."""

_REACHED = text(f"""
select * from (
  {STANDING} and b.enforce and (b.skillpack_id is null or b.skillpack_id = :skillpack_id)
    and (b.skill_name is null or b.skill_name = :skill_name)
    and (b.api_key_id is null or b.api_key_id = cast(:api_key_id as uuid))
) b
where used_micros >= limit_micros order by used_micros - limit_micros desc limit 1
""")  # noqa: S608 - the one interpolated value is a constant

_NARROW = text(f"""
with job as (
  select id, project_id, skillpack_id, skill_name, api_key_id, reserved_micros from jobs
  where id = :job_id and project_id = :project_id and attempt = :attempt and status = 'running' for update
), fullest as (
  select b.name, b.used_micros - b.limit_micros as over_micros from job, ({STANDING} and b.enforce) b
  where (b.skillpack_id is null or b.skillpack_id = job.skillpack_id)
    and (b.skill_name is null or b.skill_name = split_part(job.skill_name, ':', 1))
    and (b.api_key_id is null or b.api_key_id = job.api_key_id)
  order by over_micros desc limit 1
), back as (
  select job.id, job.project_id, least(job.reserved_micros, greatest(0, over_micros)) as micros, fullest.name
  from job, fullest
), wallet as (
  update wallets w set reserved_micros = w.reserved_micros - back.micros
  from back where w.project_id = back.project_id and back.micros > 0
)
update jobs j set reserved_micros = j.reserved_micros - back.micros from back where j.id = back.id
returning j.reserved_micros, back.name
""")  # noqa: S608 - the one interpolated value is a constant

_ALERT_DATA: Final = """json_build_object(
  'budget_id', id, 'project_id', project_id, 'name', name, 'limit_micros', limit_micros, 'used_micros', used_micros,
  'alert_pct', alert_pct, 'enforce', enforce, 'is_reached', used_micros >= limit_micros
)"""
_ALERT = text(f"""
with alerted as (
  update budgets b set alerted_on = cast(now() at time zone 'UTC' as date)
  from ({STANDING} and b.alert_pct is not null) s
  where b.id = s.id and (b.alerted_on is null or b.alerted_on < s.since)
    and s.used_micros * 100 >= b.limit_micros * b.alert_pct
  returning b.id, b.project_id, b.name, b.limit_micros, b.alert_pct, b.enforce, s.used_micros
), told as ({telling("alerted", event=f"'{ALERT_EVENT}'", data=_ALERT_DATA)}
)
insert into audit_rows (project_id, actor, action, target, facts, request_id, at)
select project_id, 'system', '{ALERT_ACTION}', 'budget:' || id,
       jsonb_build_object('name', name, 'limit_micros', limit_micros, 'used_micros', used_micros,
                          'alert_pct', alert_pct, 'enforce', enforce, 'is_reached', used_micros >= limit_micros),
       '', now()
from alerted
""")  # noqa: S608 - interpolated values are constants


async def check(
    session: AnySession,
    *,
    project_id: UUID,
    skillpack_id: UUID,
    skill_name: str,
    api_key_id: UUID | None,
) -> None:
    """Refuse a job that an enforced budget does not allow.

    Raises:
        BudgetReached: one of those that count the job is used up; names the one that is furthest over its limit.
    """
    values = {
        "project_id": project_id,
        "skillpack_id": skillpack_id,
        "skill_name": skill_name.partition(":")[0],  # what a skill makes of a prompt is the skill's
        "api_key_id": api_key_id,
    }
    reached = (await session.execute(_REACHED, values)).one_or_none()
    if reached is not None:
        raise BudgetReached(
            reached.name,
            limit_micros=reached.limit_micros,
            used_micros=reached.used_micros,
            resets_at=resets_at(reached.period, reached.since),
        )


async def narrow(session: AnySession, *, project_id: UUID, job_id: UUID, attempt: int) -> Any:
    """Give back what of a job's reservation no enforced budget has room for: jobs that were let in together count too.

    Gives the row `reserved_micros, name` with what is left and the budget that left least, or none without a budget.
    """
    values = {"project_id": project_id, "job_id": job_id, "attempt": attempt}
    return (await session.execute(_NARROW, values)).one_or_none()


async def alert(session: AnySession, project_id: UUID) -> None:
    """Write down every budget that has crossed its line of alert, once per window."""
    await session.execute(_ALERT, {"project_id": project_id})


def resets_at(period: str, since: date) -> datetime | None:
    """When a budget's window ends; a rolling one lets go of its oldest day every midnight, a total one never."""
    if period == "total":
        return None
    first = datetime(since.year, since.month, since.day, tzinfo=UTC)
    if period == "month":
        return (first + timedelta(days=32)).replace(day=1)
    return first + timedelta(days=30 if period == "rolling30" else 1)
