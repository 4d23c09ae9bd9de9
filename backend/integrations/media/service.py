"""Generate media for a running job: plan the call, then carry it out and pay for it once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from uuid import UUID

from backend.context import AppContext
from backend.core.errors import NotAllowed
from backend.data.drive import usage
from backend.data.drive.listing_access import ListingAccess, access_of
from backend.data.drive.uploads.ingest import drives_of
from backend.execution.jobs.access import running_job
from backend.identity.auth.principal import Principal, Role
from backend.integrations.media.calls import Call
from backend.integrations.media.delivery import Destination
from backend.integrations.media.errors import JobNotRunning
from backend.integrations.media.generation import Generated, Generation, MediaOrder
from backend.integrations.media.plan import plan
from backend.skills.manifest.types import Skill
from backend.storage.paths import ROOT


async def generate(context: AppContext, principal: Principal, request: MediaOrder) -> Generated:
    """Generate media, store them in the drive of the job's project, and record their cost.

    Raises:
        NotAllowed: The principal is not a running job.
        UnknownMediaModel: The model does not exist, or does not support the verb.
        ModeMissing: The model does not support what the inputs imply.
        BadMediaInputs: The inputs are invalid.
        BadDrivePath: The path is invalid.
        DriveQuotaReached: The quota of the drive is used up.
        MediaCostExceedsLimit: It may cost more than the job may still spend.
        MediaInProgress: The same call is in progress.
        KeyReused: The key was used for another request.
        JobNotRunning: The job does not run any more.
        MediaRefused: The model does not support it.
        MediaFailed: The model returned nothing usable.
        MediaProviderUnavailable: The provider is unavailable.
        NoTranscripts: No model can transcribe.
    """
    if principal.kind != "job":
        raise NotAllowed("Only jobs can generate media. Call this from a running skill with the kit.")
    principal.require(Role.DEVELOPER, "drive:write")
    skill = request.skill or await _skill(context, principal)
    default_models = {"image": skill.image_model, "video": skill.video_model, "audio": skill.audio_model}
    can_buy = context.settings.fal_key is not None
    planned = plan(
        request.verb,
        request.model,
        dict(request.inputs),
        default_model=default_models.get(request.verb or ""),
        can_buy=can_buy,
    )
    call = Call(principal.id, int(principal.facts["attempt"]), request.key)
    listing_access = await _listing_access(context, principal)
    destination = Destination.of(
        request.output_path, planned, call, ROOT if listing_access is None else listing_access.own_folder
    )
    (await usage.current(drives_of(context), principal.project_id)).require_capacity(1, 1)
    with tempfile.TemporaryDirectory(prefix="media-") as scratch:
        generation = Generation(
            context,
            principal,
            request,
            call,
            planned,
            destination,
            scratch=Path(scratch),
            may_go_outside=skill.network == "public",
            listing_access=listing_access,
        )
        return await generation.run()


async def _listing_access(context: AppContext, principal: Principal) -> ListingAccess | None:
    async with context.database.read_session() as session:
        return await access_of(session, project_id=principal.project_id, job_id=principal.id)


async def _skill(context: AppContext, principal: Principal) -> Skill:
    """Return the skill of the job."""
    async with context.database.read_session() as session:
        skill = await running_job.skill_of(session, principal)
    if skill is None:
        raise JobNotRunning
    return skill


def job_principal(*, job_id: UUID, project_id: UUID, attempt: int) -> Principal:
    """Return the principal of a running attempt, for calls that its worker makes on its behalf."""
    return Principal(
        kind="job",
        id=job_id,
        project_id=project_id,
        label=f"job:{job_id}",
        role=Role.DEVELOPER,
        scopes=frozenset({"drive:read", "drive:write"}),
        facts={"attempt": attempt},
    )
