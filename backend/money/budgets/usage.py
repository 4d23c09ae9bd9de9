"""Compute the usage of budgets and of the daily caps of API keys, and what they leave for a job.

Usage is what was spent, what unfinished jobs hold, and what was forgiven: without the last two, a loop of failing jobs
or many parallel jobs would exceed every limit. A running job holds its reservation; a job that waits to resume holds
what it has used. What a subjob has used counts for the subjob, not for the reservation of its parent, which pays it in
the end, so that nothing counts twice.

What a job is charged counts on the day (UTC) on which its bill is settled. Until then, what it holds counts in the
current window. So a job that runs past midnight counts for the new day and not for the old one, and the spending of no
day exceeds the limit.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text

from backend.core.db.engine import AnySession
from backend.identity.webhook_outbox.outbox import insert_deliveries_sql
from backend.money.budgets.errors import BudgetReached
from backend.money.pricing import dollars

ALERT_ACTION: Final = "budget.alerted"
"""The audit action of an alert: one row per budget and window, in the transaction that crossed the threshold."""
ALERT_EVENT: Final = "budget.alert"
"""The event type for webhooks."""

_USED: Final = """
cross join lateral (
  select case b.period when 'day' then today.day when 'month' then cast(date_trunc('month', today.day) as date)
         when 'rolling30' then today.day - 29 else date '1970-01-01' end as since
  from (select cast(statement_timestamp() at time zone 'UTC' as date) as day) today
) win
left join lateral (
  select sum(d.spent_micros) as spent, sum(d.forgiven_micros) as forgiven from daily_spending d
  where d.project_id = b.project_id and d.day >= win.since
    and (b.skillpack_id is null or d.skillpack_id = b.skillpack_id)
    and (b.skill_name is null or d.skill_name = b.skill_name)
    and (b.api_key_id is null or d.api_key_id = b.api_key_id)
) s on true
left join lateral (
  select sum(case when e.environment = b.environment then e.spent_micros else -e.spent_micros end) as spent,
         sum(case when e.environment = b.environment then e.forgiven_micros else -e.forgiven_micros end) as forgiven
  from environment_spending e
  where b.environment is not null and e.project_id = b.project_id and e.day >= win.since
    and b.environment in ('production', e.environment)
) e on true
left join lateral (
  select sum(j.micros) as reserved from (
    select skillpack_id, skill_name, api_key_id, environment,
           greatest(0, reserved_micros - called_used_micros) as micros
    from jobs
    where project_id = b.project_id and status = 'running' and reserved_micros > 0
    union all
    select skillpack_id, skill_name, api_key_id, environment,
           case when reserved_micros > 0 then greatest(0, reserved_micros - called_used_micros)
           else least(used_micros, cap_micros) end
    from jobs where project_id = b.project_id and status in ('queued', 'waiting') and attempt > 0
    union all
    select skillpack_id, skill_name, api_key_id, environment, greatest(0, used_micros - over_lent_micros) from jobs
    where project_id = b.project_id and bill = 'owed'
  ) j
  where (b.skillpack_id is null or j.skillpack_id = b.skillpack_id)
    and (b.skill_name is null or split_part(j.skill_name, ':', 1) = b.skill_name)
    and (b.api_key_id is null or j.api_key_id = b.api_key_id)
    and (b.environment is null or j.environment = b.environment)
) r on true
"""
"""SQL that adds the usage to the rows of `b`: limits with a scope and a period. The time is that of the
statement, not of its transaction: a transaction that started before midnight may get the wallet's lock after
it."""
# A budget of production counts all spending without that of the other environments, one of these only its own.
_SPENT: Final = (
    "(case when b.environment <> 'production' then 0 else coalesce(s.spent, 0) end + coalesce(e.spent, 0))"
)
_FORGIVEN: Final = (
    "(case when b.environment <> 'production' then 0 else coalesce(s.forgiven, 0) end "
    "+ coalesce(e.forgiven, 0))"
)
_USED_MICROS: Final = f"cast({_SPENT} + {_FORGIVEN} + coalesce(r.reserved, 0) as bigint)"

STANDING: Final = f"""
select b.id, b.project_id, b.name, b.scope, b.skillpack_id, b.skill_name, b.api_key_id, b.environment, b.period,
       b.limit_micros, b.alert_pct, b.enforce, b.alerted_on, b.created_by, b.created_at, win.since,
       {_SPENT} as spent_micros, {_FORGIVEN} as forgiven_micros,
       coalesce(r.reserved, 0) as reserved_micros, {_USED_MICROS} as used_micros
from budgets b {_USED}
where b.project_id = :project_id
"""  # noqa: S608 - interpolated values are constants
"""SQL of the budgets of a project with their usage."""

_REACHED = text(f"""
select * from (
  {STANDING} and b.enforce and (b.skillpack_id is null or b.skillpack_id = :skillpack_id)
    and (b.skill_name is null or b.skill_name = :skill_name)
    and (b.api_key_id is null or b.api_key_id = cast(:api_key_id as uuid))
    and (b.environment is null or b.environment = :environment)
    and not (
      :is_called and (b.skillpack_id is null or b.skillpack_id = cast(:caller_skillpack_id as uuid))
      and (b.skill_name is null or b.skill_name = cast(:caller_skill_name as text))
    )
) b
where used_micros >= limit_micros order by used_micros - limit_micros desc limit 1
""")  # noqa: S608 - the one interpolated value is a constant

_USED_BY_KEY = text(f"""
select {_USED_MICROS} as used_micros, win.since
from (
  select cast(:project_id as uuid) as project_id, cast(null as uuid) as skillpack_id, cast(null as text) as skill_name,
         cast(:api_key_id as uuid) as api_key_id, cast(null as text) as environment, 'day' as period
) b {_USED}
""")  # noqa: S608 - interpolated values are constants


def _lowering(*, status: str, back: str, unless: str = "false") -> str:
    """Return SQL that lowers a reservation; `unless` excludes limits `b`, and `back` returns the money."""
    return f"""
with job as (
  select id, project_id, skillpack_id, skill_name, api_key_id, environment, parent_job_id, reserved_micros,
         called_used_micros
  from jobs where id = :job_id and project_id = :project_id and attempt = :attempt and {status} for update
), limits as (
  select 'budget' as kind, b.name, b.limit_micros, b.period, b.project_id, b.skillpack_id, b.skill_name, b.api_key_id,
         b.environment
  from budgets b, job
  where b.project_id = :project_id and b.enforce and (b.skillpack_id is null or b.skillpack_id = job.skillpack_id)
    and (b.skill_name is null or b.skill_name = split_part(job.skill_name, ':', 1))
    and (b.api_key_id is null or b.api_key_id = job.api_key_id)
    and (b.environment is null or b.environment = job.environment)
  union all
  select 'key_cap', k.prefix, k.daily_cap_micros, 'day', k.project_id, null, null, k.id, null
  from api_keys k, job
  where k.id = job.api_key_id and k.project_id = :project_id and k.daily_cap_micros is not null
), fullest as (
  select b.kind, b.name, b.limit_micros, b.period, win.since, {_USED_MICROS} - b.limit_micros as over_micros
  from limits b {_USED}
  where not ({unless})
  order by over_micros desc, b.kind, b.name limit 1
), back as (
  select job.id, job.project_id, job.parent_job_id, least(job.reserved_micros, greatest(0, over_micros)) as micros,
         fullest.kind, fullest.name, fullest.limit_micros, fullest.period, fullest.since,
         over_micros + fullest.limit_micros - greatest(0, job.reserved_micros - job.called_used_micros) as used_micros
  from job, fullest
), returned as ({back}
)
update jobs j set reserved_micros = j.reserved_micros - back.micros from back where j.id = back.id
returning j.reserved_micros, back.kind, back.name, back.limit_micros, back.period, back.since, back.used_micros
"""  # noqa: S608 - interpolated values are constants


_TO_WALLET: Final = """
  update wallets w set reserved_micros = w.reserved_micros - back.micros
  from back where w.project_id = back.project_id and back.micros > 0"""
_TO_CALLER: Final = """
  update jobs p set reserved_micros = p.reserved_micros + back.micros
  from back where p.id = back.parent_job_id and p.project_id = back.project_id and back.micros > 0"""
_TO_NOTHING: Final = "select"
_COUNTS_CALLER: Final = """exists (
  select from jobs p join job on p.id = job.parent_job_id
  where p.project_id = :project_id and (b.skillpack_id is null or b.skillpack_id = p.skillpack_id)
    and (b.skill_name is null or b.skill_name = split_part(p.skill_name, ':', 1))
)"""
_IS_UNSTARTED: Final = "status in ('queued', 'waiting')"

Lowering = Literal["started", "called", "unstarted", "called_unstarted"]
_LOWER: Final[dict[Lowering, TextClause]] = {
    "started": text(_lowering(status="status = 'running'", back=_TO_WALLET)),
    "called": text(_lowering(status="status = 'running'", back=_TO_CALLER)),
    "unstarted": text(_lowering(status=_IS_UNSTARTED, back=_TO_WALLET)),
    "called_unstarted": text(_lowering(status=_IS_UNSTARTED, back=_TO_NOTHING, unless=_COUNTS_CALLER)),
}
_HOLD_WALLET: Final = text("select from wallets where project_id = :project_id for update")

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
), delivery as ({insert_deliveries_sql("alerted", event=f"'{ALERT_EVENT}'", data=_ALERT_DATA)}
)
insert into audit_rows (project_id, actor, action, target, facts, request_id, at)
select project_id, 'system', '{ALERT_ACTION}', 'budget:' || id,
       jsonb_build_object('name', name, 'limit_micros', limit_micros, 'used_micros', used_micros,
                          'alert_pct', alert_pct, 'enforce', enforce, 'is_reached', used_micros >= limit_micros),
       '', now()
from alerted
""")  # noqa: S608 - interpolated values are constants


class Limit(NamedTuple):
    """A budget or the daily cap of a key that left a job less than its reservation."""

    kind: Literal["budget", "key_cap"]
    name: str
    """Name of the budget, or prefix of the key."""
    limit_micros: int
    used_micros: int
    """Usage by everything except the job."""
    resets_at: datetime | None
    """None: never."""

    def why_less(self) -> str:
        """Return the explanation for a job for which the limit left too little money."""
        name = (
            f"the budget {self.name!r}"
            if self.kind == "budget"
            else f"the daily cap of the key {self.name!r}"
        )
        fix = "raise it" if self.kind == "budget" else "use a key with a higher cap"
        if self.resets_at is None:
            again = f"It does not reset: {fix}."
        else:
            again = f"It resets at {self.resets_at:%Y-%m-%d %H:%M} UTC: wait for that, or {fix}."
        used = f"{dollars(self.used_micros)} of {dollars(self.limit_micros)} were used"
        return f"When the job started, {name} was used up: {used}. {again}"


class Lowered(NamedTuple):
    """The rest of a reservation under all limits that count the job."""

    reserved_micros: int
    limit: Limit
    """The limit that leaves the least."""


class Caller(NamedTuple):
    """The fields of a calling job that decide which budgets count it."""

    skillpack_id: UUID
    skill_name: str


async def check(
    session: AnySession,
    *,
    project_id: UUID,
    skillpack_id: UUID,
    skill_name: str,
    api_key_id: UUID | None,
    environment: str,
    caller: Caller | None = None,
) -> None:
    """Reject a job if an enforced budget that counts it is used up.

    A job with a `caller` is paid from the reservation of the caller, which budgets that count both already include.

    Raises:
        BudgetReached: A budget is used up; names the one that exceeds its limit the most.
    """
    values = {
        "project_id": project_id,
        "skillpack_id": skillpack_id,
        "skill_name": skill_name.partition(":")[
            0
        ],  # an agent that a skill defines by a prompt counts as the skill
        "api_key_id": api_key_id,
        "environment": environment,
        "is_called": caller is not None,
        "caller_skillpack_id": caller and caller.skillpack_id,
        "caller_skill_name": caller and caller.skill_name.partition(":")[0],
    }
    reached = (await session.execute(_REACHED, values)).one_or_none()
    if reached is not None:
        raise BudgetReached(
            reached.name,
            limit_micros=reached.limit_micros,
            used_micros=reached.used_micros,
            resets_at=resets_at(reached.period, reached.since),
        )


async def used_by_key(session: AnySession, *, project_id: UUID, api_key_id: UUID) -> tuple[int, datetime]:
    """Return what counts against the daily cap of a key, in micros, and when the usage resets."""
    values = {"project_id": project_id, "api_key_id": api_key_id}
    row = (await session.execute(_USED_BY_KEY, values)).one()
    return row.used_micros, datetime(row.since.year, row.since.month, row.since.day, tzinfo=UTC) + timedelta(
        1
    )


async def lower_reservation(
    session: AnySession,
    which: Lowering,
    *,
    project_id: UUID,
    job_id: UUID,
    attempt: int,
) -> Lowered | None:
    """Lower the reservation of a job to what the enforced budgets and the daily cap of its key leave.

    The excess returns to the wallet, or, for a `called` job, to its parent. A `called_unstarted` job holds no money,
    and limits that also count its parent include it already. Call this in a transaction that changed the reservation.
    It locks the wallet, so that one job of a project is checked at a time.

    Returns:
        The rest of the reservation; None if no limit counts the job.
    """
    values = {"project_id": project_id, "job_id": job_id, "attempt": attempt}
    # A separate statement, so that the next one sees what earlier lock holders have committed.
    await session.execute(_HOLD_WALLET, {"project_id": project_id})
    row = (await session.execute(_LOWER[which], values)).one_or_none()
    if row is None:
        return None
    limit = Limit(row.kind, row.name, row.limit_micros, row.used_micros, resets_at(row.period, row.since))
    return Lowered(row.reserved_micros, limit)


async def record_alerts(session: AnySession, project_id: UUID) -> None:
    """Record an alert for every budget that has reached its alert threshold, once per window."""
    await session.execute(_ALERT, {"project_id": project_id})


def resets_at(period: str, since: date) -> datetime | None:
    """Return when the window of a budget ends. A rolling window drops its oldest day at midnight; None: never."""
    if period == "total":
        return None
    first = datetime(since.year, since.month, since.day, tzinfo=UTC)
    if period == "month":
        return (first + timedelta(days=32)).replace(day=1)
    return first + timedelta(days=30 if period == "rolling30" else 1)
