"""Routes of annotation queues and of annotations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from backend.core.clock import now
from backend.core.http.paging import PageDep, linked
from backend.evals.annotations import eval_cases, export, items, queues, reviews
from backend.evals.annotations.export import ExportFormat
from backend.evals.annotations.schemas import (
    AnnotationCasesCreate,
    AnnotationCasesCreated,
    AnnotationClaim,
    AnnotationItemRead,
    AnnotationItemsAdded,
    AnnotationItemsCreate,
    AnnotationNext,
    AnnotationPut,
    AnnotationQueueCreate,
    AnnotationQueueRead,
    AnnotationQueueUpdate,
    AnnotationRead,
    ItemStatus,
)
from backend.identity.auth import audit, permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep

router = APIRouter(route_class=AuthorizedRoute, tags=["annotations"])

_READ = ("evals:read", "jobs:read")
_WRITE = ("evals:write", "evals:read", "jobs:read")


@router.get("/annotation-queues", summary="List annotation queues")
@permissions.needs(*_READ)
async def list_annotation_queues(principal: PrincipalDep, session: SessionDep) -> list[AnnotationQueueRead]:
    """List the annotation queues of the project by name, with their progress."""
    return await queues.list_queues(session, principal)


@router.post(
    "/annotation-queues",
    status_code=201,
    summary="Create an annotation queue",
    response_model=AnnotationQueueRead,
)
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def create_annotation_queue(
    body: AnnotationQueueCreate,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    idempotent: IdempotencyDep,
) -> Response:
    """Create a queue of jobs, which reviewers score with its rubric. A filter adds jobs that have ended."""

    async def create() -> AnnotationQueueRead:
        queue = await queues.create(session, principal, body)
        return (await queues.views(session, principal, [queue]))[0]

    return await idempotent.run(session, principal, create)


@router.get("/annotation-queues/{queue_id}", summary="Read an annotation queue")
@permissions.needs(*_READ)
async def get_annotation_queue(
    queue_id: UUID, principal: PrincipalDep, session: SessionDep
) -> AnnotationQueueRead:
    """Return a queue with its progress. Jobs that match its filter and have ended meanwhile are added."""
    return await queues.read(session, principal, queue_id)


@router.patch("/annotation-queues/{queue_id}", summary="Change an annotation queue")
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def update_annotation_queue(
    queue_id: UUID, body: AnnotationQueueUpdate, principal: PrincipalDep, session: SessionDep
) -> AnnotationQueueRead:
    """Change the name, the instructions, the filter or the rubric of a queue."""
    queue = await queues.change(session, principal, queue_id, body)
    return (await queues.views(session, principal, [queue]))[0]


@router.delete("/annotation-queues/{queue_id}", status_code=204, summary="Delete an annotation queue")
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def delete_annotation_queue(queue_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Delete a queue. The annotations of its jobs remain on the jobs."""
    await queues.delete(session, principal, queue_id)


@router.get("/annotation-queues/{queue_id}/items", summary="List the jobs of an annotation queue")
@permissions.needs(*_READ)
async def list_annotation_items(
    queue_id: UUID,
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    status: ItemStatus | None = None,
) -> Sequence[AnnotationItemRead]:
    """List the jobs of a queue in the order in which they are reviewed."""
    found = await items.list_some(session, principal, queue_id, page, status=status)
    return [
        AnnotationItemRead.model_validate(one, from_attributes=True)
        for one in linked(request, response, found)
    ]


@router.post("/annotation-queues/{queue_id}/items", summary="Add jobs to an annotation queue")
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def add_annotation_items(
    queue_id: UUID, body: AnnotationItemsCreate, principal: PrincipalDep, session: SessionDep
) -> AnnotationItemsAdded:
    """Add jobs that have ended to a queue. Jobs that are in it already are not added again."""
    return await items.add(session, principal, queue_id, body.job_ids)


@router.delete(
    "/annotation-queues/{queue_id}/items/{item_id}",
    status_code=204,
    summary="Remove a job from an annotation queue",
)
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def remove_annotation_item(
    queue_id: UUID, item_id: UUID, principal: PrincipalDep, session: SessionDep
) -> None:
    """Remove a job from a queue. Its annotations remain."""
    await items.remove(session, principal, queue_id, item_id)


@router.post("/annotation-queues/{queue_id}/next", summary="Claim the next job of an annotation queue")
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def claim_next_annotation_item(
    queue_id: UUID, principal: PrincipalDep, session: SessionDep, *, body: AnnotationClaim | None = None
) -> AnnotationNext:
    """Claim the next pending job for ten minutes, so that no other reviewer gets it.

    A reviewer has at most one job of a queue: a claim of another one ends.
    """
    after = None if body is None else body.after
    item = await items.claim_next(session, principal, queue_id, after=after)
    read = None if item is None else AnnotationItemRead.model_validate(item, from_attributes=True)
    return AnnotationNext(item=read)


@router.post(
    "/annotation-queues/{queue_id}/items/{item_id}/claim", summary="Claim a job of an annotation queue"
)
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def claim_annotation_item(
    queue_id: UUID, item_id: UUID, principal: PrincipalDep, session: SessionDep
) -> AnnotationItemRead:
    """Claim a job for ten minutes, or extend the claim. Responds 409 while another reviewer works on it."""
    item = await items.claim(session, principal, queue_id, item_id)
    return AnnotationItemRead.model_validate(item, from_attributes=True)


@router.post("/annotation-queues/{queue_id}/items/{item_id}/release", status_code=204, summary="End a claim")
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def release_annotation_item(
    queue_id: UUID, item_id: UUID, principal: PrincipalDep, session: SessionDep
) -> None:
    """End the claim of the caller, so that other reviewers get the job."""
    await items.release(session, principal, queue_id, item_id)


@router.post(
    "/annotation-queues/{queue_id}/items/{item_id}/skip", summary="Skip a job of an annotation queue"
)
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def skip_annotation_item(
    queue_id: UUID, item_id: UUID, principal: PrincipalDep, session: SessionDep
) -> AnnotationItemRead:
    """Mark a job as skipped, without a review. It can still be opened and reviewed."""
    item = await items.skip(session, principal, queue_id, item_id)
    return AnnotationItemRead.model_validate(item, from_attributes=True)


@router.put("/annotation-queues/{queue_id}/items/{item_id}/annotation", summary="Annotate a job")
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def put_annotation(
    queue_id: UUID, item_id: UUID, body: AnnotationPut, principal: PrincipalDep, session: SessionDep
) -> AnnotationRead:
    """Save the caller's review of a job, or of a step of it. It replaces the earlier one of the same caller.

    A complete review of the whole job marks it as done.
    """
    return await reviews.save(session, principal, queue_id, item_id, body)


@router.get(
    "/annotation-queues/{queue_id}/export",
    summary="Export the annotations of a queue",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The annotations, in the order of their jobs.",
            "content": {"text/csv": {}, "application/x-ndjson": {}},
        }
    },
)
@permissions.needs(*_READ)
async def export_annotations(
    queue_id: UUID,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    form: Annotated[
        ExportFormat, Query(alias="format", description="`csv`, or `jsonl`: a JSON object per line.")
    ] = "jsonl",
) -> StreamingResponse:
    """Export the annotations of a queue. The export is audited."""
    queue = await queues.get(session, principal, queue_id)
    keys = [one.key for one in queues.criteria(queue)]
    await audit.record(
        session, principal, "annotation_queue.exported", f"annotation_queue:{queue.id}", name=queue.name
    )
    return StreamingResponse(
        export.lines(context.database, principal, queue_id, keys, form),
        media_type=export.MEDIA_TYPES[form],
        headers={
            "Content-Disposition": f'attachment; filename="annotations-{now():%Y-%m-%d}.{form}"',
            "Cache-Control": "no-store",
        },
    )


@router.post("/annotation-queues/{queue_id}/eval-cases", summary="Save reviewed jobs as eval cases")
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def save_annotated_cases(
    queue_id: UUID,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    body: AnnotationCasesCreate | None = None,
) -> AnnotationCasesCreated:
    """Save the reviewed jobs of a queue as eval cases of their skills, 100 per request.

    The newest corrected output is the expected one. Secrets are redacted.
    """
    request = body or AnnotationCasesCreate()
    return await eval_cases.save_of_queue(session, principal, queue_id, request, vault=context.vault)


@router.get("/jobs/{job_id}/annotations", summary="List the annotations of a job")
@permissions.needs("evals:read", "jobs:read_own", is_for_publishable=False)
async def list_annotations(
    job_id: UUID, principal: PrincipalDep, session: SessionDep
) -> list[AnnotationRead]:
    """List the annotations of a job, of all queues and reviewers."""
    return await reviews.list_of_job(session, principal, job_id)


@router.post("/jobs/{job_id}/annotations/eval-case", summary="Save an annotated job as an eval case")
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def save_annotated_case(
    job_id: UUID,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    body: AnnotationCasesCreate | None = None,
) -> AnnotationCasesCreated:
    """Save a job as an eval case, with its newest corrected output as the expected one."""
    request = body or AnnotationCasesCreate()
    return await eval_cases.save_of_job(session, principal, job_id, request, vault=context.vault)


@router.delete("/annotations/{annotation_id}", status_code=204, summary="Delete an annotation")
@permissions.needs(*_WRITE, role=Role.DEVELOPER)
async def delete_annotation(annotation_id: UUID, principal: PrincipalDep, session: SessionDep) -> None:
    """Delete an annotation of the caller. Admins can delete those of other reviewers."""
    await reviews.delete(session, principal, annotation_id)
