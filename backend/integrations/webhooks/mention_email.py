"""Send e-mail to members whom a comment mentions.

A claim moves the time of the next attempt by a lease. If the process dies, the e-mail is sent again after that with the
same ID.
"""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from backend.core import background_tasks, logs
from backend.core.background_tasks import PeriodicTask
from backend.core.clock import now
from backend.core.db.connections import error_summary
from backend.core.db.engine import AnySession, Database
from backend.identity.preferences.service import wants_mail
from backend.integrations.webhooks.mailer import Mailer
from backend.integrations.webhooks.messages import message_of
from backend.integrations.webhooks.outcomes import next_attempt_at
from backend.integrations.webhooks.sending import MAX_S

log = logs.get(__name__)

EVERY_S: Final = 5.0
MAX_BATCH: Final = 10
"""E-mail that one turn sends, each over a connection of its own."""
LEASE: Final = timedelta(seconds=6 * MAX_S)
RETRY_PERIOD: Final = timedelta(days=3)

_CLAIM: Final = text("""
with due as (
  select e.id from mention_emails e where e.next_at <= now() order by e.next_at limit :maximum for update skip locked
)
update mention_emails e set attempts = e.attempts + 1, next_at = now() + cast(:lease as interval)
from due where e.id = due.id
returning e.id, e.project_id, e.comment_id, e.user_id, e.attempts, e.created_at
""")
_DETAILS: Final = text("""
select u.email, c.created_by, c.job_id, j.skill_name, p.name as project_name, p.slug as project_slug
from job_comments c
join jobs j on j.id = c.job_id and j.project_id = c.project_id
join projects p on p.id = c.project_id and p.deleted_at is null
join members m on m.project_id = c.project_id and m.user_id = :user_id
join users u on u.id = m.user_id and u.disabled_at is null
where c.project_id = :project_id and c.id = :comment_id and c.mentions @> jsonb_build_array(u.email)
""")
"""None if the comment no longer mentions the user, or the user is no longer a member."""
_DELETE: Final = text("delete from mention_emails where id = :id and project_id = :project_id")
_DELAY: Final = text("""
update mention_emails set next_at = :next_at where id = :id and project_id = :project_id
""")


def periodic_task(database: Database, mailer: Mailer | None, url: str) -> PeriodicTask:
    """Return the task that sends what is due; `url` is that of the studio."""
    return PeriodicTask("mention e-mail", EVERY_S, partial(_try_to_send_due, database, mailer, url))


async def _try_to_send_due(database: Database, mailer: Mailer | None, url: str) -> None:
    try:
        await send_due(database, mailer, url)
    except SQLAlchemyError as error:
        log.warning("e-mail about mentions delayed: database unavailable", why=error_summary(error))


async def send_due(database: Database, mailer: Mailer | None, url: str) -> int:
    """Send what is due, and return its number. An instance that cannot send e-mail drops it."""
    async with database.single() as session:
        values = {"maximum": MAX_BATCH, "lease": LEASE}
        claimed = (await session.execute(_CLAIM, values)).all()
    await asyncio.gather(*(_send(database, mailer, url.rstrip("/"), one) for one in claimed))
    return len(claimed)


async def _send(database: Database, mailer: Mailer | None, origin: str, claimed: Any) -> None:
    with background_tasks.log_and_continue("mention e-mail", comment_id=str(claimed.comment_id)):
        ids = {"id": claimed.id, "project_id": claimed.project_id}
        async with database.reading() as session:
            details = await _details(session, claimed)
        if mailer is None or details is None:
            async with database.single() as session:
                await session.execute(_DELETE, ids)
            return
        message = message_of(
            _body(claimed, details),
            origin=origin,
            project_name=details.project_name,
            project_slug=details.project_slug,
        )
        sent = await mailer.send(details.email, message, message_id=str(claimed.id))
        async with database.single() as session:
            if sent.error is None:
                await session.execute(_DELETE, ids)
            elif claimed.created_at + RETRY_PERIOD < now():
                log.warning(
                    "e-mail about a mention abandoned", comment_id=str(claimed.comment_id), why=sent.error
                )
                await session.execute(_DELETE, ids)
            else:
                next_at = next_attempt_at(claimed.attempts)
                log.warning(
                    "e-mail about a mention not sent", comment_id=str(claimed.comment_id), why=sent.error
                )
                await session.execute(_DELAY, {**ids, "next_at": next_at})


async def _details(session: AnySession, claimed: Any) -> Any:
    """Return what the e-mail needs; None if the user should not receive it."""
    values = {
        "user_id": claimed.user_id,
        "project_id": claimed.project_id,
        "comment_id": claimed.comment_id,
    }
    found = (await session.execute(_DETAILS, values)).one_or_none()
    if found is None or not await wants_mail(session, found.email, "comment.mentioned"):
        return None
    return found


def _body(claimed: Any, details: Any) -> str:
    """Return the event `comment.mentioned` for one member."""
    data = {
        "comment_id": str(claimed.comment_id),
        "job_id": str(details.job_id),
        "skill": details.skill_name,
        "by": details.created_by,
        "mentions": ["you"],
    }
    return json.dumps({"type": "comment.mentioned", "data": data})
