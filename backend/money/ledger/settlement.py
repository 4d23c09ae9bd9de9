"""Charge a job when it ends: one bill for all its attempts, exact under concurrent settlements.

The bill includes the subjobs: a subjob that ends before its parent pays nothing, and the parent owes what it has used,
at most the loan. So the end of the first job decides for all: if it succeeded, all is charged, otherwise all is
forgiven. A subjob that ends after its parent pays for itself.

A job that succeeded pays what it used, at most its reservation. For one that failed or was canceled, this amount is
forgiven up to the daily amount of the project; the rest is charged, because otherwise intentional failures would give
free access to models. Rows are always locked in the order job, wallet, window.

A job that is canceled while it is queued or waiting has no reservation. What it has used is reserved first, as at a
claim: within its cap, the wallet, the budgets that count it and the daily cap of its key.

A successful run of a listing pays its price as the first line item, and the publisher is credited in the same
transaction. Both wallets are locked first, always in the same order, so that projects that buy from each other cannot
deadlock.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypedDict
from uuid import UUID, uuid4

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.money import admission
from backend.money.budgets import usage
from backend.money.ledger import allocation
from backend.money.ledger import service as ledger
from backend.money.ledger.service import LineItem, RunningAttempt
from backend.money.ledger.tables import NO_KEY


class PaidFields(TypedDict, total=False):
    """The amounts in the last event of a job, in millionths of a dollar."""

    used_micros: int
    cost_micros: int
    forgiven_micros: int


@dataclass(frozen=True, slots=True)
class Bill:
    """The settled bill of a job."""

    used_micros: int = 0
    """The price of everything that the job and its subjobs used."""
    charged_micros: int = 0
    """The amount that the wallet paid for it."""
    forgiven_micros: int = 0
    own_charged_micros: int = 0
    """`charged_micros` without the subjobs."""
    own_forgiven_micros: int = 0
    is_owed: bool = False
    """The parent pays when it ends."""

    def as_facts(self) -> PaidFields:
        """Return the amounts for the job's last event."""
        if self.is_owed:
            return {"used_micros": self.used_micros}
        facts: PaidFields = {"cost_micros": self.charged_micros}
        if self.forgiven_micros:
            facts["forgiven_micros"] = self.forgiven_micros
        return facts


NO_BILL: Final = Bill()

_SETTLE = text(f"""
with job as (
  select id, project_id, skillpack_id, skill_name, coalesce(api_key_id, '{NO_KEY}') as api_key_id,
         used_micros + called_used_micros as used_micros, called_used_micros, reserved_micros, forgivable_micros,
         environment
  from jobs where id = :job_id
), wallet as (
  select w.project_id,
         greatest(w.forgiven_on, cast(clock_timestamp() at time zone 'UTC' as date)) as day, w.forgiven_on,
         w.forgiven_micros
  from wallets w join job on w.project_id = job.project_id for update of w
), payable as (
  select job.*, wallet.day, case when wallet.forgiven_on = wallet.day then wallet.forgiven_micros else 0 end as before,
         least(used_micros, reserved_micros) as payable_micros, called_used_micros > 0 as is_shared
  from job, wallet
), bill as (
  select payable.*, case when :succeeded then 0
         else least(payable_micros, greatest(0, forgivable_micros - before)) end as forgiven
  from payable
), paid as (
  update wallets w
  set balance_micros = w.balance_micros - (bill.payable_micros - bill.forgiven),
      reserved_micros = w.reserved_micros - bill.reserved_micros,
      forgiven_on = case when bill.forgiven > 0 then bill.day else w.forgiven_on end,
      forgiven_micros = case when bill.forgiven > 0 then bill.before + bill.forgiven else w.forgiven_micros end
  from bill where w.project_id = bill.project_id
), entries as (
  insert into ledger_entries (transfer_id, account, project_id, job_id, kind, amount_micros, note, created_by,
                              created_at)
  select cast(:transfer_id as uuid), side.account, project_id, id, 'job_charge',
         side.sign * (payable_micros - forgiven), '', 'job:' || id, now()
  from bill, (values ('wallet', -1), ('revenue', 1)) as side (account, sign)
  where payable_micros > forgiven and not is_shared
), daily as (
  insert into daily_spending as d (project_id, day, skillpack_id, skill_name, api_key_id, spent_micros,
                                   forgiven_micros)
  select project_id, day, skillpack_id, split_part(skill_name, ':', 1), api_key_id, payable_micros - forgiven, forgiven
  from bill where payable_micros > 0 and not is_shared
  on conflict (project_id, day, skillpack_id, skill_name, api_key_id) do update
  set spent_micros = d.spent_micros + excluded.spent_micros,
      forgiven_micros = d.forgiven_micros + excluded.forgiven_micros
), daily_of_environment as (
  insert into environment_spending as d (project_id, day, environment, spent_micros, forgiven_micros)
  select project_id, day, environment, payable_micros - forgiven, forgiven
  from bill where payable_micros > 0 and not is_shared and environment <> 'production'
  on conflict (project_id, day, environment) do update
  set spent_micros = d.spent_micros + excluded.spent_micros,
      forgiven_micros = d.forgiven_micros + excluded.forgiven_micros
)
select used_micros, called_used_micros, payable_micros, payable_micros - forgiven as charged_micros,
       forgiven as forgiven_micros, is_shared, day
from bill
""")  # noqa: S608 - the one interpolated value is a constant

_OWE = text("""
with job as (
  select id, parent_job_id, used_micros + called_used_micros as used_micros, reserved_micros,
         used_micros as own_micros,
         greatest(0, used_micros + called_used_micros - reserved_micros) as over_micros,
         case when status = 'running' then reserved_micros else 0 end as lent_micros
  from jobs where id = :job_id
), caller as (
  update jobs p
  set called_used_micros = p.called_used_micros + job.used_micros - job.over_micros,
      reserved_micros = p.reserved_micros + case when p.status = 'running' then job.lent_micros else 0 end
  from job where p.id = job.parent_job_id and p.finished_at is null returning p.project_id, p.status
), wallet as (
  update wallets w set reserved_micros = w.reserved_micros - job.lent_micros
  from job, caller where w.project_id = caller.project_id and caller.status <> 'running' and job.lent_micros > 0
)
update jobs j
set bill = case when job.used_micros > job.over_micros then 'owed' else 'folded' end,
    over_lent_micros = job.over_micros, reserved_micros = 0
from job, caller where j.id = job.id returning job.used_micros, job.own_micros, job.over_micros
""")
"""Adds the bill of a subjob to its parent and returns the loan. Does nothing if the parent has ended.

The parent owes at most the loan, because budgets of the called skill and the money of the parent allowed no more. For a
queued or waiting job, `reserved_micros` is the amount that the parent may owe, and no money is reserved."""

_ALLOW_UNSTARTED = text("""
update jobs set reserved_micros = least(cap_micros, used_micros + called_used_micros)
where id = :job_id and project_id = :project_id and status in ('queued', 'waiting')
  and exists (select from jobs p where p.id = jobs.parent_job_id and p.finished_at is null)
returning attempt
""")
_FORGET_ALLOWED = text("update jobs set reserved_micros = 0 where id = :job_id and project_id = :project_id")

_HOLD_UNSTARTED = text("""
with job as (
  select id, project_id, least(cap_micros, used_micros + called_used_micros) - reserved_micros as wanted from jobs
  where id = :job_id and project_id = :project_id and status in ('queued', 'waiting')
), wallet as (
  select w.project_id, w.balance_micros, w.reserved_micros,
         greatest(0, least(job.wanted, w.balance_micros - w.reserved_micros)) as micros
  from wallets w join job on w.project_id = job.project_id for update of w
), held as (
  update wallets w set balance_micros = wallet.balance_micros, reserved_micros = wallet.reserved_micros + wallet.micros
  from wallet where w.project_id = wallet.project_id
)
update jobs j set reserved_micros = j.reserved_micros + wallet.micros from job, wallet where j.id = job.id
returning j.attempt
""")

_WAIVE = text("""
update usage_events u set waived_micros = u.billed_micros - greatest(0, least(u.billed_micros, o.room))
from (
  select id, :charged_micros - sum(billed_micros) over (order by kind <> 'listing', created_at, id) + billed_micros
         as room
  from usage_events where project_id = :project_id and job_id = :job_id
) o
where u.id = o.id and u.billed_micros > 0
""")

_AFTER = text("""
select w.balance_micros > w.reserved_micros as has_money,
       exists (select from budgets b where b.project_id = w.project_id and b.alert_pct is not null) as has_alerts
from wallets w where w.project_id = :project_id
""")

_HOLD_WALLETS = text("""
select w.project_id from jobs j join wallets w on w.project_id = any(array[j.project_id, j.publisher_id])
where j.id = :job_id and j.earning_micros > 0 order by w.project_id for update of w
""")

_SELL = text("""
with sale as (
  select id, publisher_id, listing, earning_micros from jobs where id = :job_id and earning_micros > 0
), earned as (
  update wallets set balance_micros = balance_micros + (select earning_micros from sale)
  where project_id = (select publisher_id from sale)
    and (select purged_at from projects where id = (select publisher_id from sale)) is null
  returning project_id
)
insert into ledger_entries (transfer_id, account, project_id, job_id, kind, amount_micros, note, created_by, created_at)
select cast(:transfer_id as uuid), side.account, sale.publisher_id, sale.id, 'listing_sale',
       side.sign * sale.earning_micros, sale.listing, 'marketplace', now()
from sale, (
  values ('revenue', -1), (case when exists (select from earned) then 'wallet' else 'closed' end, 1)
) as side (account, sign)
""")

_UNSETTLED = (
    "select id, project_id, parent_job_id from jobs where {which} and status in ('queued', 'waiting')"
)
_HAVING_MONEY = """
  and (used_micros > 0 or called_used_micros > 0 or reserved_micros > 0) order by created_at desc, id for update
"""  # subjobs before their parents
_UNSETTLED_JOB = text(f"{_UNSETTLED.format(which='id = :job_id')} {_HAVING_MONEY}")
_UNSETTLED_OF_PROJECT = text(f"{_UNSETTLED.format(which='project_id = :project_id')} {_HAVING_MONEY}")
_STORE_BILL = text("""
update jobs set cost_micros = :own_charged_micros, forgiven_micros = :own_forgiven_micros, reserved_micros = 0
where id = :job_id and project_id = :project_id
""")


async def settle(
    session: AnySession,
    running: RunningAttempt,
    *,
    project_id: UUID,
    used: tuple[LineItem, ...],
    succeeded: bool,
    is_called: bool,
    is_sale: bool = False,
) -> Bill | None:
    """Charge what the running job has used, `used` and the earlier line items, and release the rest of its reservation.

    The rows of the job and its parent stay locked. The caller ends the job in the same transaction, and then calls
    `after_settlement`. With `is_sale`, the publisher of the listing is credited.

    Returns:
        None if the attempt is not the running one any more. Nothing has changed then.
    """
    noted = ledger.record_usage(session, running, used) if used else ledger.job_spending(session, running)
    if await noted is None:
        return None
    if is_sale:
        await session.execute(_HOLD_WALLETS, {"job_id": running.job_id})
    bill = await _settle(session, running.job_id, project_id, succeeded=succeeded, is_called=is_called)
    if is_sale:
        await session.execute(_SELL, {"job_id": running.job_id, "transfer_id": uuid4()})
    return bill


async def settle_unstarted(session: AnySession, job_id: UUID) -> None:
    """Charge what a queued or waiting job has used, before it is canceled."""
    await _settle_each(session, await session.execute(_UNSETTLED_JOB, {"job_id": job_id}))


async def settle_all_unstarted(session: AnySession, project_id: UUID) -> None:
    """Charge what the queued and waiting jobs of a project have used, before they are canceled."""
    await _settle_each(session, await session.execute(_UNSETTLED_OF_PROJECT, {"project_id": project_id}))


async def _settle_each(session: AnySession, found: Any) -> None:
    for row in found.all():
        is_called = row.parent_job_id is not None
        bill = await _settle(
            session, row.id, row.project_id, succeeded=False, is_called=is_called, is_unstarted=True
        )
        values = {"job_id": row.id, "project_id": row.project_id}
        paid = {
            "own_charged_micros": bill.own_charged_micros,
            "own_forgiven_micros": bill.own_forgiven_micros,
        }
        await session.execute(_STORE_BILL, {**values, **paid})


async def after_settlement(session: AnySession, project_id: UUID) -> None:
    """Return ready jobs that may cost something to the pending ones if the wallet is empty, and admit jobs.

    Record due budget alerts.
    """
    wallet = (await session.execute(_AFTER, {"project_id": project_id})).one()
    if not wallet.has_money:
        await admission.park_ready(session, project_id)
    await admission.admit(session, project_id)
    if wallet.has_alerts:
        await usage.record_alerts(session, project_id)


async def _settle(
    session: AnySession,
    job_id: UUID,
    project_id: UUID,
    *,
    succeeded: bool,
    is_called: bool,
    is_unstarted: bool = False,
) -> Bill:
    of_job = {"job_id": job_id, "project_id": project_id}
    owed = await _owed(session, of_job, is_unstarted=is_unstarted) if is_called else None
    if owed is not None:
        return owed
    if is_unstarted:
        attempt = (await session.execute(_HOLD_UNSTARTED, of_job)).scalar_one()
        await usage.lower_reservation(
            session, "unstarted", project_id=project_id, job_id=job_id, attempt=attempt
        )
    transfer = {"job_id": job_id, "transfer_id": uuid4()}
    row = (await session.execute(_SETTLE, {**transfer, "succeeded": succeeded})).one()
    charged, forgiven = row.charged_micros, row.forgiven_micros
    if row.is_shared:
        if row.payable_micros < row.used_micros:
            # The line items of the job itself are waived first, because limits counted the loans of its subjobs.
            own_payable = max(0, row.payable_micros - row.called_used_micros)
            await session.execute(_WAIVE, {**of_job, "charged_micros": own_payable})
        own = await allocation.allocate(session, project_id=project_id, day=row.day, of=row, **transfer)
        return Bill(row.used_micros, charged, forgiven, own.charged_micros, own.forgiven_micros)
    if charged < row.used_micros:
        await session.execute(_WAIVE, {**of_job, "charged_micros": charged})
    return Bill(row.used_micros, charged, forgiven, charged, forgiven)


async def _owed(session: AnySession, of_job: dict[str, UUID], *, is_unstarted: bool) -> Bill | None:
    """Add the bill of a subjob to its parent; None if the parent has ended, and the job pays for itself."""
    if is_unstarted:
        attempt = (await session.execute(_ALLOW_UNSTARTED, of_job)).scalar_one_or_none()
        if attempt is not None:
            await usage.lower_reservation(
                session,
                "called_unstarted",
                project_id=of_job["project_id"],
                job_id=of_job["job_id"],
                attempt=attempt,
            )
    owed = (await session.execute(_OWE, {"job_id": of_job["job_id"]})).one_or_none()
    if owed is None:
        if is_unstarted:  # the parent may have ended since
            await session.execute(_FORGET_ALLOWED, of_job)
        return None
    if owed.over_micros:
        own = max(0, owed.own_micros - owed.over_micros)
        await session.execute(_WAIVE, {**of_job, "charged_micros": own})
    if owed.used_micros == owed.over_micros > owed.own_micros:
        # The parent owes nothing for this job, so it cannot pay for the subjobs of this job either.
        await allocation.allocate(session, day=date.min, transfer_id=uuid4(), of=NO_BILL, **of_job)
    return Bill(owed.used_micros, is_owed=True)
