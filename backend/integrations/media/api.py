"""Define the route of media for running jobs."""

from __future__ import annotations

from typing import get_args
from uuid import uuid4

from fastapi import APIRouter, Response

from backend.core.errors import Malformed, NotAllowed
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal
from backend.identity.idempotency.dependencies import REPLAYED_HEADER, IdempotencyKeyHeader
from backend.identity.idempotency.service import MAX_CHARACTERS
from backend.integrations.media import service
from backend.integrations.media.generation import MediaOrder
from backend.integrations.media.model_families import Verb
from backend.integrations.media.schemas import MediaCreate, MediaRead

router = APIRouter(route_class=AuthorizedRoute, tags=["in a job"])


@router.post(
    "/media/generate",
    status_code=201,
    summary="Generate an image, a video, speech or a transcript",
    responses={
        402: {"description": "It may cost more than the job may still spend."},
        409: {"description": "The same call is in progress, or the job does not run any more."},
        502: {"description": "The model returned nothing usable."},
    },
)
@permissions.jobs_only("drive:write")
async def generate_media(
    body: MediaCreate,
    response: Response,
    principal: PrincipalDep,
    context: ContextDep,
    idempotency_key: IdempotencyKeyHeader = None,
) -> MediaRead:
    """Generate media with the token of a running job.

    The file is stored in the drive, and the cost is on the job's receipt.
    """
    _check_own(body, principal)
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_CHARACTERS:
        raise Malformed(f"An Idempotency-Key has 1 to {MAX_CHARACTERS} printable characters.")
    folder = body.output_dir.rstrip("/") + "/" if body.output_dir else None
    order = MediaOrder(
        verb=body.verb or next((verb for verb in get_args(Verb) if verb == body.kind), None),
        model=body.model or "auto",
        inputs=body.inputs or {},
        key=idempotency_key or uuid4().hex,
        output_path=body.output_path or folder,
        records_event=True,
    )
    generated = await service.generate(context, principal, order)
    if generated.is_replayed:
        response.headers[REPLAYED_HEADER] = "true"
    return generated.media


def _check_own(body: MediaCreate, principal: Principal) -> None:
    if body.workspace_id not in (None, principal.project_id):
        raise NotAllowed("The workspace_id is not that of your project. Omit it.")
    if body.job_id not in (None, principal.id):
        raise NotAllowed("The job_id is not that of this token's job. Omit it.")
