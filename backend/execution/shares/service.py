"""Create, list, revoke and open links that share jobs."""

from __future__ import annotations

import hashlib
import secrets as tokens
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Conflict, Missing, field
from backend.core.vault.vault import Vault
from backend.data.secrets import service as secrets
from backend.data.secrets.scrub import Scrubber
from backend.execution.events import spans
from backend.execution.events.queries import read_after
from backend.execution.events.schemas import EventRead, SpanRead
from backend.execution.jobs.queries import get_row
from backend.execution.jobs.tables import Job
from backend.execution.shares.schemas import JobShareCreate, SharedJobRead, SharedSpan
from backend.execution.shares.tables import JobShare
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.tables import Project
from backend.marketplace.errors import ContentOwnedByPublisher

MAX_LINKS: Final = 20
"""Maximum number of links of one job that have not expired."""
MAX_SPANS: Final = 500
MAX_TOKEN_CHARACTERS: Final = 100


class ShareNotFound(Missing):
    """The job has no such link."""

    code = "share_not_found"
    message = "Job {job_id!r} has no link {share_id!r}. It may have been revoked."
    job_id: UUID
    share_id: UUID = field(in_body=False)


class ShareEnded(Missing):
    """The link is not valid."""

    code = "share_ended"
    message = "This link has expired or was revoked. Ask its sender for a new one."


class TooManyShares(Conflict):
    """The job has the maximum number of links."""

    code = "too_many_shares"
    message = "Job {job_id!r} already has {maximum} links. Revoke one first."
    job_id: UUID
    maximum: int


async def create(
    session: AsyncSession, principal: Principal, job_id: UUID, body: JobShareCreate
) -> tuple[JobShare, str]:
    """Create a link, and return it with its token.

    Raises:
        JobNotFound: The principal can see no such job.
        ContentOwnedByPublisher: The job runs a listing of another project.
        TooManyShares: The job has the maximum number of links.
    """
    principal.require(Role.DEVELOPER, "jobs:read", "jobs:write")
    job = await get_row(session, principal, job_id)
    if job.publisher_id is not None:
        raise ContentOwnedByPublisher(job_id, job.listing)
    links = _open_links(principal, job_id).subquery()
    if (await session.scalar(select(func.count()).select_from(links)) or 0) >= MAX_LINKS:
        raise TooManyShares(job_id, MAX_LINKS)
    token = tokens.token_urlsafe(32)
    share = JobShare(
        project_id=principal.project_id,
        job_id=job_id,
        token_hash=_hash(token),
        created_by=principal.label,
        expires_at=now() + timedelta(hours=body.expires_in_hours),
    )
    session.add(share)
    await audit.record(session, principal, "job.shared", str(job_id), expires_at=share.expires_at.isoformat())
    return share, token


async def list_(session: AsyncSession, principal: Principal, job_id: UUID) -> Sequence[JobShare]:
    """Return the links of a job that have not expired, newest first.

    Raises:
        JobNotFound: The principal can see no such job.
    """
    principal.require(Role.DEVELOPER, "jobs:read", "jobs:write")
    await get_row(session, principal, job_id)
    query = _open_links(principal, job_id)
    return (await session.scalars(query.order_by(col(JobShare.created_at).desc()))).all()


def _open_links(principal: Principal, job_id: UUID) -> Select[Any]:
    """Return the query of the links of a job that have not expired."""
    of_job = visible(JobShare, principal).where(col(JobShare.job_id) == job_id)
    return of_job.where(col(JobShare.expires_at) > now())


async def revoke(session: AsyncSession, principal: Principal, job_id: UUID, share_id: UUID) -> None:
    """Revoke a link; it stops working immediately.

    Raises:
        JobNotFound: The principal can see no such job.
        ShareNotFound: The job has no such link.
    """
    principal.require(Role.DEVELOPER, "jobs:read", "jobs:write")
    await get_row(session, principal, job_id)
    query = visible(JobShare, principal).where(col(JobShare.job_id) == job_id, col(JobShare.id) == share_id)
    share = (await session.scalars(query)).one_or_none()
    if share is None:
        raise ShareNotFound(job_id, share_id)
    await session.delete(share)
    await audit.record(session, principal, "job.share_revoked", str(job_id))


async def open_shared(session: AsyncSession, vault: Vault, token: str) -> SharedJobRead:
    """Return what the link with this token shows.

    Raises:
        ShareEnded: There is no such link, or it has expired.
    """
    if not token or len(token) > MAX_TOKEN_CHARACTERS:
        raise ShareEnded
    valid = (
        col(JobShare.token_hash) == _hash(token),
        col(JobShare.expires_at) > now(),
        col(Project.deleted_at).is_(None),
    )
    query = select(JobShare).join(Project, col(Project.id) == col(JobShare.project_id)).where(*valid)
    share = (await session.scalars(query)).one_or_none()
    if share is None:
        raise ShareEnded
    found = select(Job).where(col(Job.id) == share.job_id, col(Job.project_id) == share.project_id)
    job = (await session.scalars(found)).one()
    events = [EventRead.of(event) for event in await read_after(session, job.id)]
    scrubber = Scrubber(await secrets.all_of(session, vault, project_id=share.project_id))
    shown: dict[str, Any] = scrubber.scrub(_shown(job, spans.fold(job.id, job.skill_name, events), share))
    return SharedJobRead(**shown)


def _shown(job: Job, found: Sequence[SpanRead], share: JobShare) -> dict[str, Any]:
    by_start = sorted(found, key=lambda span: (span.started_at, span.parent_span_id is not None))[:MAX_SPANS]
    return {
        "job_id": job.id,
        "skill_name": job.skill_name,
        "status": job.status,
        "error": job.error,
        "result": job.result if job.status == "succeeded" else None,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "spans": [_span(span).model_dump() for span in by_start],
        "expires_at": share.expires_at,
    }


def _span(span: SpanRead) -> SharedSpan:
    ok = span.attributes.get("ok")
    return SharedSpan(
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        kind=span.kind,
        name=span.name,
        started_at=span.started_at,
        duration_ms=span.duration_ms,
        ok=ok if isinstance(ok, bool) else None,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
