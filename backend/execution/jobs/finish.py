"""The one way out: output, events, money, and the next job of the project, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import TextClause, text

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.jsonb import storable
from backend.core.metrics import transactional
from backend.core.metrics.instruments import BILLED, EVENTS_APPENDED, JOBS_FINISHED
from backend.execution.events.append import EVENT_ROWS, NewEvent, as_rows
from backend.execution.jobs import subjob_events, subjobs
from backend.execution.jobs.claim import Claimed
from backend.identity.webhook_outbox.outbox import telling_of_jobs
from backend.marketplace import sales
from backend.money import admission
from backend.money.admission import TICK
from backend.money.ledger import settlement
from backend.money.ledger.service import Used
from backend.money.ledger.settlement import NOTHING, Bill


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended, and all that is to be stored with it."""

    status: Literal["succeeded", "failed", "cancelled"]
    result: Any = None
    outputs: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    error_code: str | None = None
    usage: dict[str, Any] = field(default_factory=dict)
    used: tuple[Used, ...] = ()
    """Priced things that this attempt used."""
    evals: dict[str, Any] | None = None
    """What the skill's graders say: `{score, passed, graders}`."""


def _finishing(*, unless: str = "", told: str = "") -> TextClause:
    return text(f"""
with ended as (
  update jobs set status = :status, result = cast(:result as json), outputs = cast(:outputs as jsonb), error = :error,
                  error_code = :error_code, usage = usage || cast(:usage as jsonb), cost_micros = :cost_micros,
                  forgiven_micros = :forgiven_micros, reserved_micros = 0, event_seq = event_seq + :count,
                  eval_score = cast(:eval_score as int), eval_results = cast(:eval_results as jsonb),
                  finished_at = clock_timestamp()
  where id = :job_id and attempt = :attempt and status = 'running' {unless}
  returning id, project_id, event_seq, skill_name, status, error_code, source, parent_job_id
){told}, event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select ended.id, ended.event_seq - :count + e.n, e.ts, e.type, e.payload from ended, {EVENT_ROWS}
), first as (
  select q.job_id, q.cap_micros from job_queue q
  where q.project_id = (select project_id from ended) and q.stamp is null and not q.is_later
    and (q.not_before is null or q.not_before <= now())
    and exists (
      select from admissions a join wallets w on w.project_id = a.project_id
      where a.project_id = (select project_id from ended) and a.admitted <= a.concurrency_limit
        and w.balance_micros > w.reserved_micros
    )
  order by q.priority desc, q.submitted_at, q.job_id limit 1 for update skip locked
), next as (  -- a job that may cost something is admitted by a statement of its own
  select job_id from first where cap_micros = 0
), slot as (
  update admissions a
  set admitted = a.admitted - 1 + (select count(*) from next), parked = a.parked - (select count(*) from next),
      tail = case when exists (select from next)
             then greatest(a.tail, (select last_value from fair_clock)) + {TICK} / a.weight else a.tail end
  from ended where a.project_id = ended.project_id
  returning a.tail - {TICK} / a.weight as stamp,
            a.parked > 0 and a.admitted < a.concurrency_limit as is_room_left
), admitted as (
  update job_queue q set stamp = slot.stamp from next, slot where q.job_id = next.job_id returning q.lane
)
select ended.event_seq, (select lane from admitted) as next_lane, (select is_room_left from slot) as is_room_left
from ended
""")  # noqa: S608 - interpolated values are constants


_FINISH = _finishing(unless="and not exists (select from webhooks w where w.project_id = jobs.project_id)")
"""Ends nothing in a project that has webhooks: what jobs of others would pay for telling nobody is saved."""
_FINISH_AND_TELL = _finishing(told=f", told as ({telling_of_jobs('ended')})")
"""For every project."""
_with_webhooks: Final[set[UUID]] = set()
"""Projects that were found to have some; for one that has them no more the long statement is right as well."""
_MOST_KEPT: Final = 10_000


async def finish(
    session: AnySession, claimed: Claimed, ending: Ending, events: Sequence[NewEvent] = ()
) -> bool:
    """End the attempt; False when it is not the running one any more, and then nothing is stored.

    `events` are what the attempt has not stored yet; they come before its last event.
    """
    bill, succeeded = NOTHING, ending.status == "succeeded"
    await subjobs.hold_parent(session, claimed.parent_job_id)
    if not is_free(claimed, ending):
        settled = await settlement.settle(
            session,
            claimed,
            project_id=claimed.project_id,
            used=(*sales.price_of(claimed, succeeded=succeeded), *ending.used),
            succeeded=succeeded,
            is_called=claimed.parent_job_id is not None,
            is_sale=succeeded and claimed.earning_micros > 0,
        )
        if settled is None:
            return False
        bill = settled
    everything = [*events, _last_event(ending, bill)]
    values = {
        "job_id": claimed.job_id,
        "attempt": claimed.attempt,
        "status": ending.status,
        "result": None if ending.result is None else storable(ending.result),
        "outputs": storable(ending.outputs),
        "error": ending.error,
        "error_code": ending.error_code,
        "usage": storable(ending.usage),
        "cost_micros": bill.own_charged_micros,
        "forgiven_micros": bill.own_forgiven_micros,
        "eval_score": None if ending.evals is None else ending.evals["score"],
        "eval_results": None if ending.evals is None else storable(ending.evals),
        "count": len(everything),
        "events": as_rows(everything),
    }
    row = await _end(session, claimed, values)
    if row is None:
        return False
    if not is_free(claimed, ending):
        await settlement.after(session, claimed.project_id)
    if claimed.parent_job_id is not None:
        await subjob_events.tell_end(session, claimed.job_id)
    await sales.count(session, claimed, succeeded=succeeded)
    notifications.note(session, notifications.EventNotification(claimed.job_id, row.event_seq, is_last=True))
    if row.next_lane is not None:
        notifications.note(session, notifications.WorkerWakeup(row.next_lane))
    elif row.is_room_left:
        # The next job may cost something, or a submit that found the window full has committed since this statement
        # began, so that only its count was seen.
        await admission.admit(session, claimed.project_id)
    transactional.note(session, JOBS_FINISHED.labels(ending.status, ending.error_code or ""))
    transactional.note(session, EVENTS_APPENDED, len(everything))
    transactional.note(session, BILLED, bill.charged_micros)
    return True


async def _end(session: AnySession, claimed: Claimed, values: dict[str, Any]) -> Any:
    """Move the job and store its end; gives none when the attempt is not the running one any more."""
    if claimed.parent_job_id is not None:
        return (await session.execute(subjobs.FINISH, values)).one_or_none()
    if claimed.project_id not in _with_webhooks:
        row = (await session.execute(_FINISH, values)).one_or_none()
        if row is not None:
            return row
    row = (await session.execute(_FINISH_AND_TELL, values)).one_or_none()
    if row is not None:
        if len(_with_webhooks) >= _MOST_KEPT:
            _with_webhooks.clear()
        _with_webhooks.add(claimed.project_id)
    return row


def is_free(claimed: Claimed, ending: Ending) -> bool:
    """Whether the end of the attempt concerns no money and no publisher."""
    is_unpriced = claimed.cap_micros == 0 and claimed.reserved_micros == 0
    return not ending.used and is_unpriced and claimed.publisher_id is None


def is_one_statement(claimed: Claimed, ending: Ending) -> bool:
    """Whether the end concerns neither money nor another job."""
    return claimed.parent_job_id is None and is_free(claimed, ending)


def _last_event(ending: Ending, bill: Bill) -> NewEvent:
    if ending.status == "succeeded":
        return NewEvent("succeeded", bill.as_facts())
    money = bill.as_facts() if bill.used_micros else {}
    return NewEvent(ending.status, {"error": ending.error, "code": ending.error_code, **money})
