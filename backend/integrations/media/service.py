"""Making media for a running job: what it asks for is planned, then made and paid once."""

from __future__ import annotations

import tempfile
from pathlib import Path
from uuid import UUID

from backend.context import AppContext
from backend.core.errors import NotAllowed
from backend.data.drive import usage
from backend.data.drive.ingest import drives_of
from backend.data.drive.listing_access import Reach, reach_of
from backend.execution.jobs.access import running_job
from backend.identity.auth.principal import Principal, Role
from backend.integrations.media.calls import Call
from backend.integrations.media.delivery import Wish
from backend.integrations.media.errors import JobNotRunning
from backend.integrations.media.generation import Generated, Making, MediaOrder
from backend.integrations.media.plan import plan
from backend.skills.manifest.types import Skill
from backend.storage.paths import ROOT


async def generate(context: AppContext, principal: Principal, asked: MediaOrder) -> Generated:
    """Make it, put it into the drive of the job's project, and write down what it costs.

    Raises:
        NotAllowed: who asks is no running job.
        UnknownMediaModel: there is no such model, or it is not for that.
        ModeMissing: the model cannot do what the inputs ask for.
        BadMediaInputs: the inputs do not fit.
        BadDrivePath: the path cannot be one of a file.
        DriveQuotaReached: the drive has no room.
        MediaCostExceedsLimit: it may cost more than is left for the job.
        MediaInProgress: the same call is being worked on.
        KeyReused: the key was used for something else.
        JobNotRunning: the job does not run any more.
        MediaRefused: the model does not do that.
        MediaFailed: it made nothing that can be used.
        MediaProviderUnavailable: it does not answer.
        NoTranscripts: nothing here can transcribe.
    """
    if principal.kind != "job":
        raise NotAllowed("Media are made for jobs. Call this from a skill that runs, with the kit.")
    principal.require(Role.DEVELOPER, "drive:write")
    skill = asked.skill or await _skill(context, principal)
    usual = {"image": skill.image_model, "video": skill.video_model, "audio": skill.audio_model}
    can_buy = context.settings.fal_key is not None
    does = plan(
        asked.verb, asked.model, dict(asked.inputs), usual=usual.get(asked.verb or ""), can_buy=can_buy
    )
    call = Call(principal.id, int(principal.facts["attempt"]), asked.key)
    reach = await _reach(context, principal)
    wish = Wish.of(asked.output_path, does, call, ROOT if reach is None else reach.own)
    (await usage.current(drives_of(context), principal.project_id)).refuse(1, 1)
    with tempfile.TemporaryDirectory(prefix="media-") as scratch:
        making = Making(
            context,
            principal,
            asked,
            call,
            does,
            wish,
            scratch=Path(scratch),
            may_go_outside=skill.network == "public",
            reach=reach,
        )
        return await making.answer()


async def _reach(context: AppContext, principal: Principal) -> Reach | None:
    async with context.database.glance() as session:
        return await reach_of(session, project_id=principal.project_id, job_id=principal.id)


async def _skill(context: AppContext, principal: Principal) -> Skill:
    """The skill of the job that asks."""
    async with context.database.glance() as session:
        skill = await running_job.skill_of(session, principal)
    if skill is None:
        raise JobNotRunning
    return skill


def job_principal(*, job_id: UUID, project_id: UUID, attempt: int) -> Principal:
    """A running attempt of a job, for calls that the worker makes for it."""
    return Principal(
        kind="job",
        id=job_id,
        project_id=project_id,
        label=f"job:{job_id}",
        role=Role.DEVELOPER,
        scopes=frozenset({"drive:read", "drive:write"}),
        facts={"attempt": attempt},
    )
