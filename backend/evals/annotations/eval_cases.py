"""Save reviewed jobs as eval cases, with the corrected output as the expected one."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.errors import PurasError
from backend.core.vault.vault import Vault
from backend.evals import cases
from backend.evals.annotations import items, queues
from backend.evals.annotations.schemas import (
    AnnotationCaseRejected,
    AnnotationCasesCreate,
    AnnotationCasesCreated,
)
from backend.evals.annotations.tables import Annotation, AnnotationItem
from backend.evals.schemas import CaseCreate
from backend.evals.tables import EvalCase
from backend.execution.jobs.queries import get_row
from backend.identity.auth.principal import Principal, visible

PAGE_JOBS: Final = 100
"""Number of jobs that one request reads."""


async def save_of_queue(
    session: AsyncSession,
    principal: Principal,
    queue_id: UUID,
    request: AnnotationCasesCreate,
    *,
    vault: Vault,
) -> AnnotationCasesCreated:
    """Save the reviewed jobs of a queue as eval cases, at most 100 in one request.

    Raises:
        AnnotationQueueNotFound: The project has no such queue.
        NotAllowed: The principal is a key of development or staging.
    """
    items.require_reviewer(principal)
    principal.require_environment(None)
    queue = await queues.get(session, principal, queue_id)
    query = visible(AnnotationItem, principal).where(
        col(AnnotationItem.queue_id) == queue.id,
        col(AnnotationItem.status) == "done",
        col(AnnotationItem.number) > (request.after or 0),
    )
    query = query.order_by(col(AnnotationItem.number)).limit(PAGE_JOBS)
    found: list[Any] = list((await session.scalars(query)).all())
    created = await _save(
        session, principal, [item.job_id for item in found], request, vault, queue_id=queue.id
    )
    is_end = len(found) < PAGE_JOBS
    return created.model_copy(update={"next_after": None if is_end else found[-1].number})


async def save_of_job(
    session: AsyncSession, principal: Principal, job_id: UUID, request: AnnotationCasesCreate, *, vault: Vault
) -> AnnotationCasesCreated:
    """Save a reviewed job as an eval case, with its newest corrected output.

    Raises:
        JobNotFound: The principal can see no such job.
        NotAllowed: The principal is a key of development or staging.
    """
    items.require_reviewer(principal)
    principal.require_environment(None)
    await get_row(session, principal, job_id)
    return await _save(session, principal, [job_id], request, vault)


async def _save(
    session: AsyncSession,
    principal: Principal,
    job_ids: list[UUID],
    request: AnnotationCasesCreate,
    vault: Vault,
    *,
    queue_id: UUID | None = None,
) -> AnnotationCasesCreated:
    existing = visible(EvalCase, principal).where(col(EvalCase.source_job_id).in_(job_ids))
    known = set((await session.scalars(existing.with_only_columns(col(EvalCase.source_job_id)))).all())
    corrected = await _corrected(session, principal, job_ids, queue_id)
    made = uncorrected = 0
    rejected: list[AnnotationCaseRejected] = []
    for job_id in job_ids:
        if job_id in known:
            continue
        if job_id not in corrected and not request.include_uncorrected:
            uncorrected += 1
            continue
        expected = {"expected": corrected[job_id].corrected_output} if job_id in corrected else {}
        try:
            await cases.save(
                session, principal, job_id, CaseCreate(tags=request.tags, **expected), vault=vault
            )
            made += 1
        except PurasError as error:
            rejected.append(AnnotationCaseRejected(job_id=job_id, code=error.code, detail=error.detail))
    return AnnotationCasesCreated(
        created=made,
        existing=len(known),
        uncorrected=uncorrected,
        rejected=rejected,
        next_after=None,
    )


async def _corrected(
    session: AsyncSession, principal: Principal, job_ids: list[UUID], queue_id: UUID | None
) -> dict[UUID, Annotation]:
    """Return the newest annotation with a corrected output of each job."""
    query = visible(Annotation, principal).where(
        col(Annotation.job_id).in_(job_ids),
        col(Annotation.step) == "",
        col(Annotation.has_corrected_output),
    )
    if queue_id is not None:
        query = query.where(col(Annotation.queue_id) == queue_id)
    query = query.order_by(col(Annotation.updated_at), col(Annotation.id))
    return {one.job_id: one for one in (await session.scalars(query)).all()}
