"""Record the result of each attempt for the delivery and its webhook.

Rows are locked in this order: webhook, deliveries.
"""

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
from backend.integrations.webhooks.schemas import STORED_FAILED
from backend.integrations.webhooks.sending import GONE, Sent

log = logs.get(__name__)

RETRY_DELAYS_S: Final = (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800)
"""Before the second attempt, the third, and so on. The last delay repeats for three days."""
JITTER: Final = 0.2
"""Part of a delay by which it varies, so that deliveries that failed together are not repeated together."""
MAX_FAILING: Final = timedelta(days=5)
"""A webhook that has accepted nothing for this time is switched off."""
SWITCHED_OFF: Final = "It failed when its webhook was switched off."

MAX_LOGGED_ATTEMPTS: Final = 100
"""Stored attempts of one delivery; the newest if there are more."""
_APPEND_ATTEMPT: Final = f"""attempt_log =
      case when jsonb_array_length(attempt_log) >= {MAX_LOGGED_ATTEMPTS} then attempt_log - 0 else attempt_log end
      || jsonb_build_array(jsonb_build_object(
           'number', cast(:number as int), 'response_code', cast(:code as int), 'response', left(:answer, 200),
           'error', cast(:error as text), 'duration_ms', cast(:duration_ms as int),
           'started_at', clock_timestamp() - make_interval(secs => coalesce(cast(:duration_ms as int), 0) / 1000.0)
         ))"""

_DELIVERED = text(f"""
update webhook_deliveries
set {_APPEND_ATTEMPT},
    status = 'delivered', response_code = :code, response = :answer, error = null, duration_ms = :duration_ms,
    ended_at = clock_timestamp()
where id = :id and project_id = :project_id and status <> 'delivered'
""")  # noqa: S608 - the one interpolated value is a constant
_LOG_ONLY = text(f"""
update webhook_deliveries set {_APPEND_ATTEMPT} where id = :id and project_id = :project_id
""")  # noqa: S608 - the one interpolated value is a constant
_FAILED = text(f"""
update webhook_deliveries
set {_APPEND_ATTEMPT},
    response_code = :code, response = :answer, error = :error, duration_ms = :duration_ms,
    next_at = cast(:next_at as timestamptz),
    status = case when cast(:next_at as timestamptz) > retry_until then 'given_up' else status end,
    ended_at = case when cast(:next_at as timestamptz) > retry_until then clock_timestamp() end
where id = :id and project_id = :project_id and attempts = :number and status = 'pending'
returning status
""")  # noqa: S608 - the one interpolated value is a constant
_CLEAR_FAILING = text("""
update webhooks set failing_since = null
where id = :webhook_id and project_id = :project_id and failing_since is not null
""")
_SET_FAILING = text("""
update webhooks set failing_since = clock_timestamp()
where id = :webhook_id and project_id = :project_id and failing_since is null
""")
_DISABLE = text("""
update webhooks set enabled = false, disabled_reason = :reason, updated_at = clock_timestamp()
where id = :webhook_id and project_id = :project_id and enabled returning id
""")
_FAIL_ALL = text("""
update webhook_deliveries set status = 'given_up', error = coalesce(error, :reason), ended_at = clock_timestamp()
where webhook_id = :webhook_id and project_id = :project_id and status = 'pending'
""")
_FAILING_SINCE = text(
    "select failing_since from webhooks where id = :webhook_id and project_id = :project_id"
)


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
        await session.execute(_CLEAR_FAILING, _webhook(claimed))
        await session.execute(_DELIVERED, _values(claimed, sent))
        transactional.note(session, WEBHOOK_SENDS.labels("delivered"))


async def _failed(database: Database, claimed: Any, sent: Sent) -> None:
    values = _values(claimed, sent)
    async with database.transaction() as session:
        if not claimed.failing_since:
            await session.execute(_SET_FAILING, _webhook(claimed))
        next_at = {"next_at": next_attempt_at(claimed.attempts)}
        status = (await session.execute(_FAILED, values | next_at)).scalar_one_or_none()
        if status is None:
            await session.execute(_LOG_ONLY, values)
        outcome = "abandoned" if status == STORED_FAILED else "failed"
        transactional.note(session, WEBHOOK_SENDS.labels(outcome))
        failing_since = (await session.execute(_FAILING_SINCE, _webhook(claimed))).scalar_one_or_none()
        reason = _reason_to_stop(sent, failing_since)
        if reason is not None:
            await _disable(session, claimed, reason)


def next_attempt_at(attempts: int) -> datetime:
    """Return when a delivery with this number of attempts is sent again."""
    delay_s = RETRY_DELAYS_S[min(attempts, len(RETRY_DELAYS_S)) - 1]
    return now() + timedelta(seconds=delay_s * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret


async def fail_all(session: AsyncSession, webhook_id: UUID, project_id: UUID) -> None:
    """Fail all pending deliveries of a webhook that is switched off."""
    values = {"webhook_id": webhook_id, "project_id": project_id, "reason": SWITCHED_OFF}
    await session.execute(_FAIL_ALL, values)


def _reason_to_stop(sent: Sent, failing_since: datetime | None) -> str | None:
    if sent.code == GONE:
        return "The receiver responded with 410 Gone."
    if failing_since is not None and failing_since < now() - MAX_FAILING:
        return f"It has accepted nothing for {MAX_FAILING.days} days. Its last failure: {sent.error}"[:500]
    return None


async def _disable(session: AsyncSession, claimed: Any, reason: str) -> None:
    disabled = await session.execute(_DISABLE, _webhook(claimed) | {"reason": reason})
    await fail_all(session, claimed.webhook_id, claimed.project_id)
    if disabled.first() is not None:
        target = f"webhook:{claimed.webhook_id}"
        await audit.record_in(
            session, claimed.project_id, "system", "webhook.disabled", target, reason=reason
        )
        log.warning("webhook disabled", webhook_id=str(claimed.webhook_id), code_of_receiver=reason[:80])


def _webhook(claimed: Any) -> dict[str, Any]:
    return {"webhook_id": claimed.webhook_id, "project_id": claimed.project_id}


def _values(claimed: Any, sent: Sent) -> dict[str, Any]:
    result = {"code": sent.code, "answer": sent.answer, "error": sent.error, "duration_ms": sent.duration_ms}
    return {"id": claimed.id, "project_id": claimed.project_id, "number": claimed.attempts, **result}
