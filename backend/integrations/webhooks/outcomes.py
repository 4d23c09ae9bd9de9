"""What becomes of a delivery and of its webhook after each try. Rows are held in the order webhook, deliveries."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import logs
from backend.core.clock import now
from backend.core.db.engine import Database
from backend.core.metrics import transactional
from backend.core.metrics.instruments import WEBHOOK_SENDS
from backend.identity.auth import audit
from backend.integrations.webhooks.sending import GONE, Sent

log = logs.get(__name__)

PAUSES_S: Final = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800)
"""Before the second try, the third…; the last pause repeats until three days are over."""
JITTER: Final = 0.2
"""Part of a pause by which it is longer or shorter: what failed together does not come back together."""
FAILING_MOST: Final = timedelta(days=5)
"""A webhook that has taken nothing for so long is switched off."""
OFF: Final = "It was given up when its webhook was switched off."

MAX_LOGGED: Final = 100
"""Attempts of one delivery that are kept; the newest of more."""
_LOGGED: Final = f"""attempt_log =
      case when jsonb_array_length(attempt_log) >= {MAX_LOGGED} then attempt_log - 0 else attempt_log end
      || jsonb_build_array(jsonb_build_object(
           'number', cast(:number as int), 'response_code', cast(:code as int), 'response', left(:answer, 200),
           'error', cast(:error as text), 'duration_ms', cast(:duration_ms as int),
           'started_at', clock_timestamp() - make_interval(secs => coalesce(cast(:duration_ms as int), 0) / 1000.0)
         ))"""

_DELIVERED = text(f"""
update webhook_deliveries
set {_LOGGED},
    status = 'delivered', response_code = :code, response = :answer, error = null, duration_ms = :duration_ms,
    ended_at = clock_timestamp()
where id = :id and project_id = :project_id and status <> 'delivered'
""")  # noqa: S608 - the one interpolated value is a constant
_LATE = text(f"""
update webhook_deliveries set {_LOGGED} where id = :id and project_id = :project_id
""")  # noqa: S608 - the one interpolated value is a constant
_FAILED = text(f"""
update webhook_deliveries
set {_LOGGED},
    response_code = :code, response = :answer, error = :error, duration_ms = :duration_ms,
    next_at = cast(:next_at as timestamptz),
    status = case when cast(:next_at as timestamptz) > retry_until then 'given_up' else status end,
    ended_at = case when cast(:next_at as timestamptz) > retry_until then clock_timestamp() end
where id = :id and project_id = :project_id and attempts = :number and status = 'pending'
returning status
""")  # noqa: S608 - the one interpolated value is a constant
_WELL = text("""
update webhooks set failing_since = null
where id = :webhook_id and project_id = :project_id and failing_since is not null
""")
_FAILING = text("""
update webhooks set failing_since = clock_timestamp()
where id = :webhook_id and project_id = :project_id and failing_since is null
""")
_SWITCH_OFF = text("""
update webhooks set enabled = false, disabled_reason = :reason, updated_at = clock_timestamp()
where id = :webhook_id and project_id = :project_id and enabled returning id
""")
_GIVE_UP_ALL = text("""
update webhook_deliveries set status = 'given_up', error = coalesce(error, :why), ended_at = clock_timestamp()
where webhook_id = :webhook_id and project_id = :project_id and status = 'pending'
""")
_FAILS_SINCE = text("select failing_since from webhooks where id = :webhook_id and project_id = :project_id")


async def record(database: Database, claimed: Any, sent: Sent) -> None:
    """Store the result of an attempt of the `claimed` delivery; a late failure is logged and changes nothing else."""
    if sent.error is None:
        await _delivered(database, claimed, sent)
    else:
        await _failed(database, claimed, sent)


async def _delivered(database: Database, claimed: Any, sent: Sent) -> None:
    if not claimed.failing_since:
        async with database.single() as session:
            await session.execute(_DELIVERED, _values(claimed, sent))
            transactional.note(session, WEBHOOK_SENDS.labels("delivered"))
        return
    async with database.transaction() as session:
        await session.execute(_WELL, _webhook(claimed))
        await session.execute(_DELIVERED, _values(claimed, sent))
        transactional.note(session, WEBHOOK_SENDS.labels("delivered"))


async def _failed(database: Database, claimed: Any, sent: Sent) -> None:
    values = _values(claimed, sent)
    async with database.transaction() as session:
        if not claimed.failing_since:
            await session.execute(_FAILING, _webhook(claimed))
        next_at = {"next_at": next_try(claimed.attempts)}
        status = (await session.execute(_FAILED, values | next_at)).scalar_one_or_none()
        if status is None:
            await session.execute(_LATE, values)
        outcome = "given_up" if status == "given_up" else "failed"
        transactional.note(session, WEBHOOK_SENDS.labels(outcome))
        since = (await session.execute(_FAILS_SINCE, _webhook(claimed))).scalar_one_or_none()
        reason = _reason_to_stop(sent, since)
        if reason is not None:
            await _switch_off(session, claimed, reason)


def next_try(attempts: int) -> datetime:
    """When a delivery that was tried so often is tried again."""
    pause_s = PAUSES_S[min(attempts, len(PAUSES_S)) - 1]
    return now() + timedelta(seconds=pause_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret


async def give_up_all(session: AsyncSession, webhook_id: UUID, project_id: UUID) -> None:
    """Try nothing more of what waits for a webhook that is off."""
    values = {"webhook_id": webhook_id, "project_id": project_id, "why": OFF}
    await session.execute(_GIVE_UP_ALL, values)


def _reason_to_stop(sent: Sent, failing_since: datetime | None) -> str | None:
    if sent.code == GONE:
        return "The receiver answered 410 Gone: it wants nothing any more."
    if failing_since is not None and failing_since < now() - FAILING_MOST:
        return f"It has taken nothing for {FAILING_MOST.days} days. Its last failure: {sent.error}"[:500]
    return None


async def _switch_off(session: AsyncSession, claimed: Any, reason: str) -> None:
    switched = await session.execute(_SWITCH_OFF, _webhook(claimed) | {"reason": reason})
    await give_up_all(session, claimed.webhook_id, claimed.project_id)
    if switched.first() is not None:
        target = f"webhook:{claimed.webhook_id}"
        await audit.record_in(
            session, claimed.project_id, "system", "webhook.switched_off", target, reason=reason
        )
        log.warning("webhook switched off", webhook_id=str(claimed.webhook_id), code_of_receiver=reason[:80])


def _webhook(claimed: Any) -> dict[str, Any]:
    return {"webhook_id": claimed.webhook_id, "project_id": claimed.project_id}


def _values(claimed: Any, sent: Sent) -> dict[str, Any]:
    told = {"code": sent.code, "answer": sent.answer, "error": sent.error, "duration_ms": sent.duration_ms}
    return {"id": claimed.id, "project_id": claimed.project_id, "number": claimed.attempts, **told}
