"""The jobs of an annotation queue: add and remove them, and claim one to review it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, case, func, or_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.db.paging import Page, Slice
from backend.core.notifications import note_change
from backend.evals.annotations import queues
from backend.evals.annotations.errors import AnnotationItemNotFound, ItemClaimed, JobsNotEnded, QueueFull
from backend.evals.annotations.schemas import AnnotationItemsAdded, ItemStatus
from backend.evals.annotations.tables import AnnotationItem, AnnotationQueue
from backend.execution.jobs.errors import JobNotFound
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.tables import Job
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible

CLAIM: Final = timedelta(minutes=10)
"""How long a reviewer has an item. Opening it again extends the time; the page of the studio does it each minute."""


async def add(
    session: AsyncSession, principal: Principal, queue_id: UUID, job_ids: Sequence[UUID]
) -> AnnotationItemsAdded:
    """Add jobs that have ended to a queue.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
        JobNotFound: The principal cannot see one of the jobs.
        JobsNotEnded: One of the jobs has not ended.
        QueueFull: The queue has the maximum number of jobs.
    """
    require_reviewer(principal)
    queue = await queues.get(session, principal, queue_id, is_locking=True)
    wanted = list(dict.fromkeys(job_ids))
    query = visible(Job, principal).where(col(Job.id).in_(wanted))
    rows = (await session.execute(query.with_only_columns(col(Job.id), col(Job.status)))).all()
    statuses = {row.id: row.status for row in rows}
    for job_id in wanted:
        if job_id not in statuses:
            raise JobNotFound(job_id)
    running = [job_id for job_id in wanted if statuses[job_id] not in TERMINAL]
    if running:
        raise JobsNotEnded(len(running), running[0])
    added = await queues.add_items(session, queue, wanted, added_by=principal.label)
    count = await queues.count_items(session, queue)
    if count > queues.MAX_ITEMS:
        raise QueueFull(queues.MAX_ITEMS, count - added)
    fields = {"name": queue.name, "jobs": added}
    await audit.record(
        session, principal, "annotation_queue.jobs_added", f"annotation_queue:{queue.id}", **fields
    )
    return AnnotationItemsAdded(added=added, already_in_queue=len(wanted) - added)


async def list_some(
    session: AsyncSession,
    principal: Principal,
    queue_id: UUID,
    page: Page,
    *,
    status: ItemStatus | None = None,
) -> Slice[AnnotationItem]:
    """Return the jobs of a queue in their order.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
    """
    queue = await queues.get(session, principal, queue_id)
    query = _of(principal, queue)
    if status is not None:
        query = query.where(col(AnnotationItem.status) == status)
    after = page.number()
    if after is not None:
        query = query.where(col(AnnotationItem.number) > after)
    rows = (await session.scalars(query.order_by(col(AnnotationItem.number)).limit(page.limit + 1))).all()
    return page.slice(rows, lambda item: (item.number,))


async def remove(session: AsyncSession, principal: Principal, queue_id: UUID, item_id: UUID) -> None:
    """Remove a job from a queue. Its annotations remain. A filter of the queue may add it again.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
        AnnotationItemNotFound: The queue has no such item.
    """
    require_reviewer(principal)
    queue = await queues.get(session, principal, queue_id, is_locking=True)
    item = await get(session, principal, queue, item_id)
    await session.delete(item)
    note_change(session, queue.project_id, "annotations")
    fields = {"name": queue.name, "job_id": str(item.job_id)}
    await audit.record(
        session, principal, "annotation_queue.job_removed", f"annotation_queue:{queue.id}", **fields
    )


async def claim_next(
    session: AsyncSession, principal: Principal, queue_id: UUID, *, after: int | None = None
) -> AnnotationItem | None:
    """Claim the next pending job that no other reviewer works on, and release the others of the caller.

    Args:
        session: The unit of work.
        principal: The reviewer.
        queue_id: The queue.
        after: The number of the present item. The next one follows it; if none follows, it is the first one.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
    """
    require_reviewer(principal)
    queue = await queues.get(session, principal, queue_id)
    await queues.fill(session, queue)
    number = col(AnnotationItem.number)
    order: list[Any] = [number] if after is None else [case((number > after, 0), else_=1), number]
    query = (
        _of(principal, queue)
        .where(col(AnnotationItem.status) == "pending", _is_free(principal))
        .order_by(*order)
        .limit(1)
        .with_for_update(skip_locked=True, of=AnnotationItem)
    )
    item: AnnotationItem | None = (await session.scalars(query)).one_or_none()
    has_released = await _release_others(session, principal, queue, item)
    if item is not None:
        _claim(item, principal)
        await session.flush()
    if has_released or item is not None:
        note_change(session, queue.project_id, "annotations")
    return item


async def claim(session: AsyncSession, principal: Principal, queue_id: UUID, item_id: UUID) -> AnnotationItem:
    """Claim an item, or extend the time of a claim.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
        AnnotationItemNotFound: The queue has no such item.
        ItemClaimed: Another reviewer works on it.
    """
    require_reviewer(principal)
    queue = await queues.get(session, principal, queue_id)
    item = await get(session, principal, queue, item_id, is_locking=True)
    require_free(item, principal)
    is_new = item.claimed_by != principal.label
    _claim(item, principal)
    await session.flush()
    if is_new:
        await _release_others(session, principal, queue, item)
        note_change(session, queue.project_id, "annotations")
    return item


async def release(session: AsyncSession, principal: Principal, queue_id: UUID, item_id: UUID) -> None:
    """End the claim of the caller, if it has one.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
        AnnotationItemNotFound: The queue has no such item.
    """
    require_reviewer(principal)
    queue = await queues.get(session, principal, queue_id)
    item = await get(session, principal, queue, item_id, is_locking=True)
    if item.claimed_by == principal.label:
        item.claimed_by = item.claimed_until = None
        await session.flush()
        note_change(session, queue.project_id, "annotations")


async def skip(session: AsyncSession, principal: Principal, queue_id: UUID, item_id: UUID) -> AnnotationItem:
    """Mark a job as skipped: it is not offered again, but can be reviewed when it is opened.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
        AnnotationItemNotFound: The queue has no such item.
        ItemClaimed: Another reviewer works on it.
    """
    require_reviewer(principal)
    queue = await queues.get(session, principal, queue_id, is_locking=True)
    item = await get(session, principal, queue, item_id, is_locking=True)
    require_free(item, principal)
    await end(session, principal, queue, item, status="skipped")
    return item


async def end(
    session: AsyncSession,
    principal: Principal,
    queue: AnnotationQueue,
    item: AnnotationItem,
    *,
    status: ItemStatus,
) -> None:
    """Set the status of an item whose queue is locked, and record when it was the last pending one."""
    was_pending = item.status == "pending"
    item.status, item.completed_by, item.completed_at = status, principal.label, now()
    item.claimed_by = item.claimed_until = None
    await session.flush()
    note_change(session, queue.project_id, "annotations")
    verb = "reviewed" if status == "done" else "skipped"
    fields = {"queue": queue.name, "job_id": str(item.job_id)}
    await audit.record(session, principal, f"annotation.{verb}", f"job:{item.job_id}", **fields)
    if not was_pending:
        return
    counted = _of(principal, queue).where(col(AnnotationItem.status) == "pending")
    if not (await session.execute(counted.with_only_columns(func.count()))).scalar_one():
        count = await queues.count_items(session, queue)
        target = f"annotation_queue:{queue.id}"
        await audit.record(
            session, principal, "annotation_queue.finished", target, name=queue.name, jobs=count
        )


async def get(
    session: AsyncSession,
    principal: Principal,
    queue: AnnotationQueue,
    item_id: UUID,
    *,
    is_locking: bool = False,
) -> AnnotationItem:
    """Return an item of a queue.

    Raises:
        AnnotationItemNotFound: The queue has no such item.
    """
    query = _of(principal, queue).where(col(AnnotationItem.id) == item_id)
    if is_locking:
        query = query.with_for_update(of=AnnotationItem).execution_options(populate_existing=True)
    item: AnnotationItem | None = (await session.scalars(query)).one_or_none()
    if item is None:
        raise AnnotationItemNotFound(item_id)
    return item


def require_reviewer(principal: Principal) -> None:
    """Check that the principal may annotate.

    Raises:
        NotAllowed: It is a viewer, or a key without the scopes.
    """
    principal.require(Role.DEVELOPER, "evals:write", "evals:read", "jobs:read")


def require_free(item: AnnotationItem, principal: Principal) -> None:
    """Check that no other reviewer works on the item.

    Raises:
        ItemClaimed: Another reviewer works on it.
    """
    by, until = item.claimed_by, item.claimed_until
    if by is not None and until is not None and by != principal.label and until > now():
        raise ItemClaimed(by, until)


def _of(principal: Principal, queue: AnnotationQueue) -> Select[Any]:
    return visible(AnnotationItem, principal).where(col(AnnotationItem.queue_id) == queue.id)


def _is_free(principal: Principal) -> Any:
    return or_(
        col(AnnotationItem.claimed_until).is_(None),
        col(AnnotationItem.claimed_until) <= func.now(),
        col(AnnotationItem.claimed_by) == principal.label,
    )


def _claim(item: AnnotationItem, principal: Principal) -> None:
    item.claimed_by, item.claimed_until = principal.label, now() + CLAIM


async def _release_others(
    session: AsyncSession, principal: Principal, queue: AnnotationQueue, kept: AnnotationItem | None
) -> bool:
    """End the claims of the caller on other items of the queue, and return whether there were any."""
    query = _of(principal, queue).where(col(AnnotationItem.claimed_by) == principal.label)
    found = (await session.scalars(query.with_for_update(skip_locked=True, of=AnnotationItem))).all()
    others = [item for item in found if kept is None or item.id != kept.id]
    for item in others:
        item.claimed_by = item.claimed_until = None
    await session.flush()
    return bool(others)
