"""Write, list, edit and delete comments on jobs."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.db.paging import Page, Slice
from backend.core.errors import Conflict, Missing, NotAllowed
from backend.core.notifications import note_change
from backend.execution.comments.schemas import CommentCreate, CommentUpdate
from backend.execution.comments.tables import JobComment
from backend.execution.jobs.queries import get_row
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.tables import Member, User
from backend.identity.webhook_outbox import outbox

MAX_COMMENTS: Final = 1_000
"""Maximum number of comments on one job."""
MAX_MENTIONS: Final = 50
"""Further mentions in one comment are plain text."""
MAX_EMAIL_WRITES: Final = 30
"""Comments that an author may write or edit within an hour before mentions in further ones send no e-mail."""
_MAX_AUDITED: Final = 1_000
"""The newest entries of the author in the audit log that are searched for them."""
# A member who is the recipient of a webhook for these events receives the e-mail of the webhook.
_ENQUEUE_EMAIL: Final = text("""
insert into mention_emails (id, project_id, comment_id, user_id, attempts, next_at, created_at)
select gen_random_uuid(), m.project_id, :comment_id, u.id, 0, clock_timestamp(), clock_timestamp()
from members m join users u on u.id = m.user_id
where m.project_id = :project_id and u.email = any(:mentions) and 'user:' || u.email <> :author
  and not exists (
    select from webhooks w
    where w.project_id = m.project_id and w.enabled and w.format = 'email' and lower(w.url) = 'mailto:' || u.email
      and (w.events = '{}' or 'comment.mentioned' = any(w.events))
      and (w.skills = '{}' or :skill = any(w.skills))
  )
  and (
    select count(*) from (
      select a.action, a.at from audit_rows a where a.project_id = :project_id and a.actor = :author
      order by a.id desc limit :max_audited
    ) newest where newest.action in ('comment.created', 'comment.changed') and newest.at > now() - interval '1 hour'
  ) < :max_writes
on conflict (comment_id, user_id) do nothing
""")
_MENTION: Final = re.compile(r"(?<![\w@.+-])@([\w.+-]{1,64}(?:@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})?)")


class CommentNotFound(Missing):
    """The job has no such comment."""

    code = "comment_not_found"
    message = "Job {job_id!r} has no comment {comment_id!r}. It may have been deleted."
    job_id: UUID
    comment_id: UUID


class TooManyComments(Conflict):
    """The job has the maximum number of comments."""

    code = "too_many_comments"
    message = "Job {job_id!r} already has {maximum:,} comments, the maximum. Delete one first."
    job_id: UUID
    maximum: int


async def create(
    session: AsyncSession, principal: Principal, job_id: UUID, request: CommentCreate
) -> JobComment:
    """Write a comment, and notify the members that it mentions.

    Raises:
        NotAllowed: The principal may not write comments.
        JobNotFound: The principal can see no such job.
        TooManyComments: The job has the maximum number of comments.
    """
    _require_writer(principal)
    job = await get_row(session, principal, job_id)
    counted = visible(JobComment, principal).where(col(JobComment.job_id) == job_id)
    if (await session.execute(counted.with_only_columns(func.count()))).scalar_one() >= MAX_COMMENTS:
        raise TooManyComments(job_id, MAX_COMMENTS)
    comment = JobComment(
        project_id=job.project_id,
        job_id=job_id,
        step=request.step or "",
        body=request.body,
        mentions=await _mentions(session, principal, request.body),
        created_by=principal.label,
    )
    session.add(comment)
    await session.flush()
    await _notify(session, principal, comment, comment.mentions, skill=job.skill_name)
    await _record(session, principal, "comment.created", comment)
    return comment


async def list_some(
    session: AsyncSession, principal: Principal, job_id: UUID, page: Page
) -> Slice[JobComment]:
    """Return the comments on a job, the oldest first.

    Raises:
        JobNotFound: The principal can see no such job.
    """
    principal.require(Role.VIEWER, "jobs:read")
    await get_row(session, principal, job_id)
    query = visible(JobComment, principal).where(col(JobComment.job_id) == job_id)
    after = page.time_position()
    if after is not None:
        query = query.where(tuple_(col(JobComment.created_at), col(JobComment.id)) > (after.at, after.id))
    query = query.order_by(col(JobComment.created_at), col(JobComment.id)).limit(page.limit + 1)
    rows = (await session.scalars(query)).all()
    return page.slice(rows, lambda one: (one.created_at, one.id))


async def change(
    session: AsyncSession, principal: Principal, job_id: UUID, comment_id: UUID, request: CommentUpdate
) -> JobComment:
    """Change the text of one's own comment. Members that it did not mention before are notified.

    Raises:
        JobNotFound: The principal can see no such job.
        CommentNotFound: The job has no such comment.
        NotAllowed: It is a comment of another author.
    """
    _require_writer(principal)
    job = await get_row(session, principal, job_id)
    comment = await _get(session, principal, job_id, comment_id)
    if comment.created_by != principal.label:
        raise NotAllowed("You can edit your own comments only. Answer with a new comment.")
    before = set(comment.mentions)
    comment.body, comment.edited_at = request.body, now()
    comment.mentions = await _mentions(session, principal, request.body)
    await session.flush()
    added = [one for one in comment.mentions if one not in before]
    await _notify(session, principal, comment, added, skill=job.skill_name)
    await _record(session, principal, "comment.changed", comment)
    return comment


async def delete(session: AsyncSession, principal: Principal, job_id: UUID, comment_id: UUID) -> None:
    """Delete one's own comment, or as an admin that of another author.

    Raises:
        JobNotFound: The principal can see no such job.
        CommentNotFound: The job has no such comment.
        NotAllowed: It is a comment of another author, and the principal is no admin.
    """
    _require_writer(principal)
    await get_row(session, principal, job_id)
    comment = await _get(session, principal, job_id, comment_id)
    if comment.created_by != principal.label and principal.role < Role.ADMIN:
        raise NotAllowed("You can delete your own comments only. Ask an admin to delete those of others.")
    await session.delete(comment)
    await _record(session, principal, "comment.deleted", comment)


async def count(session: AsyncSession, principal: Principal, job_id: UUID) -> int:
    """Return the number of comments on a job."""
    query = visible(JobComment, principal).where(col(JobComment.job_id) == job_id)
    return int((await session.execute(query.with_only_columns(func.count()))).scalar_one())


def _require_writer(principal: Principal) -> None:
    principal.require(Role.VIEWER, "jobs:submit", "jobs:read")


async def _get(session: AsyncSession, principal: Principal, job_id: UUID, comment_id: UUID) -> JobComment:
    query = visible(JobComment, principal).where(
        col(JobComment.job_id) == job_id, col(JobComment.id) == comment_id
    )
    comment: JobComment | None = (await session.scalars(query.with_for_update())).one_or_none()
    if comment is None:
        raise CommentNotFound(job_id, comment_id)
    return comment


async def _mentions(session: AsyncSession, principal: Principal, body: str) -> list[str]:
    """Return the e-mail addresses of the members that a text mentions, each once."""
    names = list(dict.fromkeys(found[1].rstrip(".").lower() for found in _MENTION.finditer(body)))
    if not names:
        return []
    local_part = func.split_part(col(User.email), "@", 1)
    query = (
        select(col(User.email))
        .join(Member, col(Member.user_id) == col(User.id))
        .where(col(Member.project_id) == principal.project_id)
        .where(func.lower(col(User.email)).in_(names) | func.lower(local_part).in_(names))
        .order_by(col(User.email))
        .limit(MAX_MENTIONS)
    )
    return list((await session.scalars(query)).all())


async def _notify(
    session: AsyncSession, principal: Principal, comment: JobComment, mentions: list[str], *, skill: str
) -> None:
    """Send an event to the webhooks of the project, and e-mail to the mentioned members, if there are any."""
    if not mentions:
        return
    data = {
        "comment_id": str(comment.id),
        "job_id": str(comment.job_id),
        "project_id": str(comment.project_id),
        "skill": skill,
        "by": principal.label,
        "mentions": mentions,
    }
    await outbox.record(session, comment.project_id, "comment.mentioned", data, skill=skill)
    values = {
        "project_id": comment.project_id,
        "comment_id": comment.id,
        "author": principal.label,
        "mentions": mentions,
        "skill": skill,
        "max_writes": MAX_EMAIL_WRITES,
        "max_audited": _MAX_AUDITED,
    }
    await session.execute(_ENQUEUE_EMAIL, values)


async def _record(session: AsyncSession, principal: Principal, action: str, comment: JobComment) -> None:
    note_change(session, comment.job_id, "comments")
    fields = {"comment": str(comment.id), "by": comment.created_by}
    await audit.record(session, principal, action, f"job:{comment.job_id}", **fields)
