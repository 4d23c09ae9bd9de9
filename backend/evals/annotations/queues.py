"""Create, change and delete annotation queues, and add the jobs that match their filters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Invalid, Problem
from backend.core.notifications import note_change
from backend.evals.annotations.errors import (
    AnnotationQueueNotFound,
    QueueNameTaken,
    TooManyQueues,
)
from backend.evals.annotations.schemas import (
    AnnotationQueueCreate,
    AnnotationQueueRead,
    AnnotationQueueUpdate,
    Criterion,
)
from backend.evals.annotations.tables import AnnotationItem, AnnotationQueue
from backend.execution.jobs.queries import conditions
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.tables import Job
from backend.execution.jobs.view_filters import JobViewFilters
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible

MAX_QUEUES: Final = 50
"""Maximum number of annotation queues of one project."""
MAX_ITEMS: Final = 10_000
"""Maximum number of jobs in one queue."""
MAX_FILLED: Final = 1_000
"""Maximum number of jobs that a filter adds at a time."""
FILTER: Final = "filter"
"""What items name that a filter has added, in place of a user."""
_OVERLAP: Final = timedelta(minutes=1)
"""Jobs that ended within this time before the last comparison are compared again: they may have committed later."""


async def create(
    session: AsyncSession, principal: Principal, request: AnnotationQueueCreate
) -> AnnotationQueue:
    """Create a queue, and add the jobs that match its filter.

    Raises:
        NotAllowed: The principal may not annotate, or is a key of development or staging.
        Invalid: The filter requires jobs that have not ended.
        QueueNameTaken: The project has a queue of this name.
        TooManyQueues: The project has the maximum number of queues.
    """
    _require_editor(principal)
    _check_filter(request.filter)
    counted = visible(AnnotationQueue, principal).with_only_columns(func.count())
    if (await session.execute(counted)).scalar_one() >= MAX_QUEUES:
        raise TooManyQueues(MAX_QUEUES)
    queue = AnnotationQueue(
        project_id=principal.project_id,
        name=request.name,
        instructions=request.instructions,
        filter=_stored(request.filter),
        rubric=[one.model_dump() for one in request.rubric],
        created_by=principal.label,
    )
    await _flush_named(session, queue)
    await fill(session, queue)
    await _record(session, principal, "created", queue)
    return queue


async def list_queues(session: AsyncSession, principal: Principal) -> list[AnnotationQueueRead]:
    """Return the queues of the project by name, with their progress."""
    principal.require(Role.VIEWER, "evals:read", "jobs:read")
    query = visible(AnnotationQueue, principal).order_by(col(AnnotationQueue.name))
    queues = (await session.scalars(query)).all()
    for queue in queues:
        await fill(session, queue)
    return await views(session, principal, queues)


async def get(
    session: AsyncSession, principal: Principal, queue_id: UUID, *, is_locking: bool = False
) -> AnnotationQueue:
    """Return a queue.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
    """
    principal.require(Role.VIEWER, "evals:read", "jobs:read")
    query = visible(AnnotationQueue, principal).where(col(AnnotationQueue.id) == queue_id)
    if is_locking:
        query = query.with_for_update().execution_options(populate_existing=True)
    queue: AnnotationQueue | None = (await session.scalars(query)).one_or_none()
    if queue is None:
        raise AnnotationQueueNotFound(queue_id)
    return queue


async def read(session: AsyncSession, principal: Principal, queue_id: UUID) -> AnnotationQueueRead:
    """Return a queue with its progress, after the jobs that match its filter were added.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
    """
    queue = await get(session, principal, queue_id)
    await fill(session, queue)
    return (await views(session, principal, [queue]))[0]


async def change(
    session: AsyncSession, principal: Principal, queue_id: UUID, request: AnnotationQueueUpdate
) -> AnnotationQueue:
    """Change a queue.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
        Invalid: The filter requires jobs that have not ended.
        QueueNameTaken: The project has a queue of this name.
    """
    _require_editor(principal)
    queue = await get(session, principal, queue_id, is_locking=True)
    changes: dict[str, Any] = {}
    if request.name is not None:
        changes["name"] = request.name
    if request.instructions is not None:
        changes["instructions"] = request.instructions
    if request.rubric is not None:
        changes["rubric"] = [one.model_dump() for one in request.rubric]
    if "filter" in request.model_fields_set:
        _check_filter(request.filter)
        stored = _stored(request.filter)
        if stored != queue.filter:
            changes |= {"filter": stored, "filled_until": None}
    for name, value in changes.items():
        setattr(queue, name, value)
    queue.updated_at = now()
    await _flush_named(session, queue)
    await fill(session, queue)
    await _record(session, principal, "changed", queue)
    return queue


async def delete(session: AsyncSession, principal: Principal, queue_id: UUID) -> None:
    """Delete a queue. The annotations of its jobs remain.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
    """
    _require_editor(principal)
    queue = await get(session, principal, queue_id, is_locking=True)
    await session.delete(queue)
    await _record(session, principal, "deleted", queue)


async def fill(session: AsyncSession, queue: AnnotationQueue) -> None:
    """Add the jobs that match the filter of a queue and have ended since the last time.

    Nothing is added while another request fills the queue.
    """
    if queue.filter is None:
        return
    locked = (
        select(col(AnnotationQueue.filled_until))
        .where(col(AnnotationQueue.id) == queue.id, col(AnnotationQueue.project_id) == queue.project_id)
        .with_for_update(skip_locked=True)
    )
    found = (await session.execute(locked)).one_or_none()
    if found is None:
        return
    since, until = found.filled_until, now()
    jobs = (
        select(col(Job.id), col(Job.finished_at))
        .where(
            col(Job.project_id) == queue.project_id,
            col(Job.finished_at).is_not(None),
            col(Job.type) != "kernel",
            # The content of such a job is private to the publisher.
            col(Job.publisher_id).is_(None) | col(Job.parent_job_id).is_(None),
            *conditions(JobViewFilters.model_validate(queue.filter).job_filter()),
        )
        .where(
            ~select(AnnotationItem)
            .where(
                col(AnnotationItem.project_id) == queue.project_id,
                col(AnnotationItem.queue_id) == queue.id,
                col(AnnotationItem.job_id) == col(Job.id),
            )
            .exists()
        )
        .limit(MAX_FILLED)
    )
    if since is None:
        jobs = jobs.order_by(col(Job.finished_at).desc(), col(Job.id))
    else:
        jobs = jobs.where(col(Job.finished_at) > since - _OVERLAP).order_by(col(Job.finished_at), col(Job.id))
    found_jobs = (await session.execute(jobs)).all()
    room = MAX_ITEMS - await count_items(session, queue) if found_jobs else MAX_ITEMS
    if room <= 0:
        return
    rows = found_jobs[:room]
    if since is not None and (len(rows) == MAX_FILLED or len(rows) < len(found_jobs)):
        until = rows[-1].finished_at  # the next request continues there
    ordered = sorted(rows, key=lambda row: (row.finished_at, row.id))
    await add_items(session, queue, [row.id for row in ordered], added_by=FILTER)
    if rows or since is None or until - since > _OVERLAP / 2:
        queue.filled_until = until
        await session.flush()


async def add_items(
    session: AsyncSession, queue: AnnotationQueue, job_ids: Sequence[UUID], *, added_by: str
) -> int:
    """Add jobs to a queue in this order, and return how many were not in it."""
    if not job_ids:
        return 0
    values = [
        {
            "id": uuid4(),
            "project_id": queue.project_id,
            "queue_id": queue.id,
            "job_id": job_id,
            "status": "pending",
            "added_by": added_by,
            "added_at": now(),
        }
        for job_id in job_ids
    ]
    statement = insert(AnnotationItem).on_conflict_do_nothing(index_elements=["queue_id", "job_id"])
    added = (await session.execute(statement.values(values).returning(col(AnnotationItem.id)))).all()
    if added:
        note_change(session, queue.project_id, "annotations")
    return len(added)


async def count_items(session: AsyncSession, queue: AnnotationQueue) -> int:
    """Return the number of jobs in a queue."""
    query = select(func.count()).where(
        col(AnnotationItem.project_id) == queue.project_id, col(AnnotationItem.queue_id) == queue.id
    )
    return int(await session.scalar(query) or 0)


async def views(
    session: AsyncSession, principal: Principal, queues: Sequence[AnnotationQueue]
) -> list[AnnotationQueueRead]:
    """Return queues with their progress."""
    is_claimed = (col(AnnotationItem.status) == "pending") & (col(AnnotationItem.claimed_until) > func.now())
    query = (
        visible(AnnotationItem, principal)
        .where(col(AnnotationItem.queue_id).in_([queue.id for queue in queues]))
        .with_only_columns(
            col(AnnotationItem.queue_id),
            *(
                func.count().filter(col(AnnotationItem.status) == status).label(status)
                for status in ("pending", "done", "skipped")
            ),
            func.count().filter(is_claimed).label("claimed"),
        )
        .group_by(col(AnnotationItem.queue_id))
    )
    counts = {row.queue_id: row for row in (await session.execute(query)).all()} if queues else {}
    return [_view(queue, counts.get(queue.id)) for queue in queues]


def criteria(queue: AnnotationQueue) -> list[Criterion]:
    """Return the rubric of a queue."""
    return [Criterion.model_validate(one) for one in queue.rubric]


def _view(queue: AnnotationQueue, counts: Any) -> AnnotationQueueRead:
    numbers = {
        name: getattr(counts, name) if counts is not None else 0
        for name in ("pending", "claimed", "done", "skipped")
    }
    return AnnotationQueueRead(
        id=queue.id,
        name=queue.name,
        instructions=queue.instructions,
        filter=None if queue.filter is None else JobViewFilters.model_validate(queue.filter),
        rubric=criteria(queue),
        created_by=queue.created_by,
        created_at=queue.created_at,
        updated_at=queue.updated_at,
        **numbers,
    )


def _require_editor(principal: Principal) -> None:
    principal.require(Role.DEVELOPER, "evals:write", "evals:read", "jobs:read")
    principal.require_environment(None)  # a queue can have jobs of all environments


def _check_filter(wanted: JobViewFilters | None) -> None:
    if wanted is not None and wanted.status is not None and wanted.status not in TERMINAL:
        message = (
            "Only jobs that have ended are reviewed. Use `succeeded`, `failed` or `cancelled`, or omit it."
        )
        raise Invalid(f"filter.status: {message}", [Problem("filter.status", message)])


def _stored(wanted: JobViewFilters | None) -> dict[str, Any] | None:
    return None if wanted is None else wanted.model_dump(mode="json", exclude_none=True)


async def _flush_named(session: AsyncSession, queue: AnnotationQueue) -> None:
    """Store a new or changed queue.

    Raises:
        QueueNameTaken: The project has a queue of this name.
    """
    name = queue.name
    try:
        async with session.begin_nested():
            session.add(queue)
            await session.flush()
    except IntegrityError:
        raise QueueNameTaken(name) from None


async def _record(session: AsyncSession, principal: Principal, verb: str, queue: AnnotationQueue) -> None:
    note_change(session, queue.project_id, "annotations")
    await audit.record(
        session, principal, f"annotation_queue.{verb}", f"annotation_queue:{queue.id}", name=queue.name
    )
