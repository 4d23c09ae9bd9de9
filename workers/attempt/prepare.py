"""Everything that a runner needs for one attempt, gathered from the database and the storage."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from backend.config import Settings
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.data.drive import usage
from backend.data.drive.usage import Usage
from backend.data.secrets import service as secrets
from backend.data.secrets.service import JobSecrets
from backend.evals.case_of_job import EVAL, Case, case_of
from backend.execution.jobs import approvals
from backend.execution.jobs.claim import Claimed
from backend.identity.auth import job_tokens
from backend.money.pricing import PriceList
from backend.skills.bundles.confirmed import NONE, Effects
from backend.skills.bundles.inline_skills import NOTEBOOK
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.deployments.unpacked import ensure_empty, ensure_unpacked
from backend.skills.job_ceilings import JobCeilings
from backend.skills.manifest.types import Skill
from backend.storage.sandbox_uids import sandbox_uid
from workers.agent.assignment import for_agent
from workers.agent.journal import Journal
from workers.drives import input_versions
from workers.drives.growth import Held, held
from workers.drives.staged import OwnDrive, OwnDrives
from workers.notebooks.assignment import for_kernel
from workers.types import Assignment, Entrypoint, RunLimits

MOST_KNOWN = 256
USAGE_S = 5.0
"""How long what a drive holds is taken for what it held: a job that is refused may be so for as long."""
_known_usages: dict[UUID, tuple[float, Usage]] = {}
_known_secrets: dict[tuple[UUID, UUID, str], JobSecrets] = {}

TOKEN_SLACK = timedelta(minutes=5)
"""A job's token outlives its time limit by this, so that its last call is not cut off."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A skill and the assignment that runs it."""

    skill: Skill
    assignment: Assignment
    own_drive: OwnDrive | None = None
    """Whoever has this releases it in the end."""
    held_drive: Held | None = None
    """The live drive, when it holds more than it may: the job must not make it larger."""
    case: Case | None = None
    """The case of a suite of evals that the job runs."""


async def prepare(
    context: AppContext,
    claimed: Claimed,
    drives: OwnDrives | None = None,
    *,
    journal: Journal,
    leaving: asyncio.Event,
    look: Callable[[], None] = lambda: None,
) -> Prepared:
    """Gather what the attempt needs; with `drives`, a folder of its own in the place of the live drive.

    Raises:
        PurasError: something of it is gone; the sentence says what.
    """
    async with (
        context.database.reading() as session
    ):  # takes a connection with its first query, if it has one
        deployed = await load_deployed_skill(session, claimed.deployment_id, claimed.skill_name)
        job_secrets = await _secrets(session, context, claimed)
        drive_usage = await _usage(session, context, claimed)
        confirmed = NONE
        if deployed.skill.is_agentic:
            confirmed = await _confirmed(session, claimed)
        versions = await input_versions.unchecked(session, claimed)
        case = None
        if claimed.source == EVAL:
            case = await case_of(session, project_id=claimed.project_id, job_id=claimed.job_id)
    home, skill = context.settings.home, deployed.skill
    bundle_dir = await _bundle(context, home / "bundles", deployed.sha256)
    uid = sandbox_uid(claimed.project_number)
    limits = run_limits(skill, claimed.limits, context.settings)
    await input_versions.require_unchanged(context.storage, claimed.project_id, versions)
    drive_dir, own_drive = await _drive(context, claimed, drives, skill=skill, uid=uid, limits=limits)
    held_drive = None if own_drive is not None else await _held(context, claimed, drive_usage)
    assignment = Assignment(
        job_id=claimed.job_id,
        attempt=claimed.attempt,
        project_id=claimed.project_id,
        deployment_id=claimed.deployment_id,
        skill_name=skill.name,
        entrypoint=Entrypoint(skill.path, skill.file, skill.function),
        declared_inputs=skill.inputs.declared,
        inputs=claimed.inputs,
        limits=limits,
        bundle_dir=bundle_dir,
        requirements=bundle_dir / skill.requirements if skill.requirements else None,
        drive_dir=drive_dir,
        has_own_drive=own_drive is not None,
        sandbox_uid=uid,
        secrets=job_secrets.values,
        secrets_version=job_secrets.version,
        token=job_tokens.mint(
            context.vault,
            project_id=claimed.project_id,
            job_id=claimed.job_id,
            attempt=claimed.attempt,
            expires_at=now() + timedelta(seconds=limits.timeout_s) + TOKEN_SLACK,
        ),
        is_listed=claimed.publisher_id is not None,
        network=skill.network,
    )
    if skill.name == NOTEBOOK:
        assignment = for_kernel(
            assignment, claimed, PriceList.of(context.settings), skill=skill, leaving=leaving
        )
    elif skill.is_agentic:
        assignment = for_agent(
            assignment,
            deployed.manifest,
            claimed,
            skill=skill,
            journal=journal,
            leaving=leaving,
            look=look,
            mocks=skill.eval_mocks if case is not None else {},
            confirmed=confirmed,
        )
    return Prepared(skill, assignment, own_drive, held_drive, case)


async def _confirmed(session: AnySession, claimed: Claimed) -> Effects:
    """What the jobs above declare as confirmed; one that nobody has called has its own bundle alone."""
    if claimed.parent_job_id is None:
        return NONE
    return await approvals.confirmed_above(
        session, project_id=claimed.project_id, job_id=claimed.job_id, skillpack_id=claimed.skillpack_id
    )


async def _bundle(context: AppContext, cache_dir: Path, sha256: str | None) -> Path:
    """The unpacked bundle; of a prompt that runs without a deployment an empty folder."""
    if sha256 is None:
        return await asyncio.to_thread(ensure_empty, cache_dir)
    return await ensure_unpacked(context.storage, cache_dir, sha256)


async def _drive(
    context: AppContext,
    claimed: Claimed,
    drives: OwnDrives | None,
    *,
    skill: Skill,
    uid: int | None,
    limits: RunLimits,
) -> tuple[Path, OwnDrive | None]:
    live = None if claimed.publisher_id else context.storage.drive_dir(claimed.project_id, uid)
    if live is not None:
        return live, None
    if drives is None:
        raise RuntimeError("This job needs a drive of its own, and this worker makes none for its jobs.")
    own = await drives.make(claimed, skill, owner_uid=uid, most_bytes=limits.disk_mb << 20)
    return own.folder, own


async def _held(context: AppContext, claimed: Claimed, drive_usage: Usage) -> Held | None:
    """The live drive if jobs before this one have overfilled it."""
    if not drive_usage.is_over:
        return None
    drive_usage.refuse_far_over()
    return await held(context.storage, claimed.project_id, drive_usage)


async def _usage(session: AnySession, context: AppContext, claimed: Claimed) -> Usage:
    """What the drive holds; asked now and then, not for every job."""
    until, known = _known_usages.get(claimed.project_id, (0.0, None))
    if known is None or until < time.monotonic():
        known = await usage.read(session, context.settings.quotas, claimed.project_id)
        _known_usages[claimed.project_id] = (time.monotonic() + USAGE_S, known)
        if len(_known_usages) > MOST_KNOWN:
            del _known_usages[next(iter(_known_usages))]
    return known


async def _secrets(session: AnySession, context: AppContext, claimed: Claimed) -> JobSecrets:
    """The job's secrets; read again only when the claim says that one has changed."""
    key = (claimed.owner_id, claimed.skillpack_id, claimed.secrets_stamp)
    known = _known_secrets.get(key)
    if known is None:
        known = await secrets.for_job(
            session, context.vault, project_id=claimed.owner_id, skillpack_id=claimed.skillpack_id
        )
        _known_secrets[key] = known
        if len(_known_secrets) > MOST_KNOWN:
            del _known_secrets[next(iter(_known_secrets))]
    return known


def run_limits(skill: Skill, own: dict[str, Any], settings: Settings) -> RunLimits:
    """The job's limits: the skill's or the instance's, made narrower by the job's own."""
    most = JobCeilings.of(settings)
    return RunLimits(
        timeout_s=_least(most.effective_timeout_s(skill), own.get("timeout_s")),
        memory_mb=int(_least(most.effective_memory_mb(skill), own.get("memory_mb"))),
        disk_mb=settings.job_disk_mb,
        output_mb=int(_least(most.effective_output_mb(skill), own.get("output_mb"))),
    )


def _least(most: float, own: float | None) -> float:
    return most if own is None else min(most, own)
