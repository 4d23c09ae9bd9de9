"""The route of media, for jobs that run."""

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
    summary="Make an image, a video, speech or a transcript",
    responses={
        402: {"description": "It may cost more than is left for the job."},
        409: {"description": "The same call is being worked on, or the job does not run any more."},
        502: {"description": "The model made nothing that can be used."},
    },
)
@permissions.jobs_only("drive:write")
async def generate_media(
    asked: MediaCreate,
    response: Response,
    principal: PrincipalDep,
    context: ContextDep,
    idempotency_key: IdempotencyKeyHeader = None,
) -> MediaRead:
    """Make it with the token of a running job; the file lands in the drive, its cost on the job's receipt."""
    _check_own(asked, principal)
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= MAX_CHARACTERS:
        raise Malformed(f"An Idempotency-Key has 1 to {MAX_CHARACTERS} printable characters.")
    folder = asked.output_dir.rstrip("/") + "/" if asked.output_dir else None
    order = MediaOrder(
        verb=asked.verb or next((verb for verb in get_args(Verb) if verb == asked.kind), None),
        model=asked.model or "auto",
        inputs=asked.inputs or {},
        key=idempotency_key or uuid4().hex,
        output_path=asked.output_path or folder,
        is_told=True,
    )
    generated = await service.generate(context, principal, order)
    if generated.is_replayed:
        response.headers[REPLAYED_HEADER] = "true"
    return generated.answer


def _check_own(asked: MediaCreate, principal: Principal) -> None:
    if asked.workspace_id not in (None, principal.project_id):
        raise NotAllowed("The workspace_id is not that of your project. Leave it out.")
    if asked.job_id not in (None, principal.id):
        raise NotAllowed("The job_id is not that of this token's job. Leave it out.")
