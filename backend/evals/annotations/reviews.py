"""Save the reviews of jobs, and read those of a job."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Invalid, NotAllowed, Problem
from backend.core.notifications import note_change
from backend.evals.annotations import items, queues
from backend.evals.annotations.errors import AnnotationNotFound, ScoresInvalid
from backend.evals.annotations.schemas import AnnotationPut, AnnotationRead, Criterion
from backend.evals.annotations.tables import Annotation, AnnotationQueue
from backend.evals.cases import MAX_EXPECTED_BYTES
from backend.execution.jobs.queries import get_row
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible

MAX_OF_JOB: Final = 500
"""Maximum number of annotations of one job: a job shows all of them."""
_MEANINGS: Final = {
    "score": "a number from 0 to 1",
    "yes_no": "true or false",
}


async def save(
    session: AsyncSession, principal: Principal, queue_id: UUID, item_id: UUID, request: AnnotationPut
) -> AnnotationRead:
    """Save the review of the caller. It replaces the earlier one of the same job and step.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
        AnnotationItemNotFound: The queue has no such item.
        ItemClaimed: Another reviewer works on it.
        ScoresInvalid: The scores do not follow the rubric of the queue.
        Invalid: The corrected output is too large, or the job has the maximum number of annotations.
    """
    items.require_reviewer(principal)
    queue = await queues.get(session, principal, queue_id, is_locking=True)
    item = await items.get(session, principal, queue, item_id, is_locking=True)
    items.require_free(item, principal)
    is_complete = request.complete and request.step is None
    _check_scores(queues.criteria(queue), request.scores, is_complete=is_complete)
    _check_output(request.corrected_output)
    query = visible(Annotation, principal).where(
        col(Annotation.job_id) == item.job_id,
        col(Annotation.queue_id) == queue.id,
        col(Annotation.created_by) == principal.label,
        col(Annotation.step) == (request.step or ""),
    )
    annotation: Annotation | None = (await session.scalars(query)).one_or_none()
    if annotation is None:
        await _check_count(session, principal, item.job_id)
        annotation = Annotation(
            project_id=queue.project_id,
            job_id=item.job_id,
            queue_id=queue.id,
            step=request.step or "",
            scores={},
            created_by=principal.label,
        )
        session.add(annotation)
    annotation.scores = dict(request.scores)
    annotation.comment = request.comment
    annotation.has_corrected_output = "corrected_output" in request.model_fields_set
    annotation.corrected_output = request.corrected_output
    annotation.updated_at = now()
    await session.flush()
    if is_complete:
        await items.end(session, principal, queue, item, status="done")
    else:
        item.claimed_by, item.claimed_until = principal.label, now() + items.CLAIM
        await audit.record(
            session, principal, "annotation.saved", f"job:{item.job_id}", queue=queue.name, step=request.step
        )
    note_change(session, item.job_id, "annotations")
    return read(annotation, {queue.id: queue})


async def list_of_job(session: AsyncSession, principal: Principal, job_id: UUID) -> list[AnnotationRead]:
    """Return the annotations of a job: those of the whole job first, the oldest first.

    Raises:
        JobNotFound: The principal can see no such job.
    """
    principal.require(Role.VIEWER, "evals:read", "jobs:read_own")
    await get_row(session, principal, job_id)
    query = visible(Annotation, principal).where(col(Annotation.job_id) == job_id)
    order = (col(Annotation.step) != "", col(Annotation.created_at), col(Annotation.id))
    return await reads(session, principal, (await session.scalars(query.order_by(*order))).all())


async def delete(session: AsyncSession, principal: Principal, annotation_id: UUID) -> None:
    """Delete an annotation: one's own, or as an admin that of another reviewer.

    Raises:
        AnnotationNotFound: The project has no such annotation.
        NotAllowed: It is of another reviewer, and the principal is no admin.
    """
    items.require_reviewer(principal)
    query = visible(Annotation, principal).where(col(Annotation.id) == annotation_id)
    annotation: Annotation | None = (await session.scalars(query)).one_or_none()
    if annotation is None:
        raise AnnotationNotFound(annotation_id)
    if annotation.created_by != principal.label and principal.role < Role.ADMIN:
        raise NotAllowed("You can delete your own annotations. Ask an admin to delete those of others.")
    await session.delete(annotation)
    note_change(session, annotation.job_id, "annotations")
    fields = {"by": annotation.created_by, "annotation": str(annotation_id)}
    await audit.record(session, principal, "annotation.deleted", f"job:{annotation.job_id}", **fields)


async def reads(
    session: AsyncSession, principal: Principal, annotations: Sequence[Annotation]
) -> list[AnnotationRead]:
    """Return annotations with the names and labels of their queues."""
    ids = {one.queue_id for one in annotations if one.queue_id is not None}
    query = visible(AnnotationQueue, principal).where(col(AnnotationQueue.id).in_(ids))
    found: Sequence[AnnotationQueue] = (await session.scalars(query)).all() if ids else []
    by_id = {queue.id: queue for queue in found}
    return [read(one, by_id) for one in annotations]


def read(annotation: Annotation, by_id: Mapping[UUID, AnnotationQueue]) -> AnnotationRead:
    """Return an annotation with the name and the labels of its queue."""
    queue = by_id.get(annotation.queue_id) if annotation.queue_id is not None else None
    labels = {} if queue is None else {one["key"]: one["label"] for one in queue.rubric}
    return AnnotationRead(
        **annotation.model_dump(exclude={"project_id", "step", "queue_id"}),
        queue_id=annotation.queue_id,
        queue="" if queue is None else queue.name,
        step=annotation.step or None,
        labels=labels,
    )


def _check_scores(rubric: Sequence[Criterion], scores: Mapping[str, Any], *, is_complete: bool) -> None:
    """Check the scores of a review.

    Raises:
        ScoresInvalid: A score is unknown, missing or not of its kind.
    """
    known = {one.key: one for one in rubric}
    problems: list[Problem] = []
    for key, value in scores.items():
        criterion = known.get(key)
        if criterion is None:
            names = ", ".join(known)
            problems.append(
                Problem(f"scores.{key[:100]}", f"The rubric has no such criterion. It has: {names}.")
            )
        elif not _is_valid(criterion, value):
            wanted = _MEANINGS.get(criterion.kind) or "one of " + ", ".join(map(repr, criterion.categories))
            problems.append(Problem(f"scores.{key}", f"{criterion.label!r} must be {wanted}."))
    if is_complete:
        missing = (one for one in rubric if one.required and one.key not in scores)
        problems += [
            Problem(f"scores.{one.key}", f"{one.label!r} is required. Give a value, or skip the job.")
            for one in missing
        ]
    if problems:
        raise ScoresInvalid(problems)


def _is_valid(criterion: Criterion, value: Any) -> bool:
    if criterion.kind == "yes_no":
        return isinstance(value, bool)
    if criterion.kind == "category":
        return isinstance(value, str) and value in criterion.categories
    return isinstance(value, float) and 0 <= value <= 1


def _check_output(output: Any) -> None:
    if len(json.dumps(output)) > MAX_EXPECTED_BYTES:
        message = f"This is over {MAX_EXPECTED_BYTES >> 20} MiB. Shorten it."
        raise Invalid(f"corrected_output: {message}", [Problem("corrected_output", message)])


async def _check_count(session: AsyncSession, principal: Principal, job_id: UUID) -> None:
    query = visible(Annotation, principal).where(col(Annotation.job_id) == job_id)
    if (await session.execute(query.with_only_columns(func.count()))).scalar_one() >= MAX_OF_JOB:
        message = f"The job has {MAX_OF_JOB} annotations, the maximum. Delete one first."
        raise Invalid(message, [Problem("step", message)])
