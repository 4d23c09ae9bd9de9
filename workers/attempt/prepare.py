"""Gather what a runner needs for one attempt from the database and the storage."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from backend.config import Settings
from backend.context import AppContext
from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.core.tracing import spans
from backend.data.drive import usage
from backend.data.drive.usage import Usage
from backend.data.secrets import service as secrets
from backend.data.secrets.service import JobSecrets
from backend.evals.case_of_job import EVAL, Case, case_of
from backend.execution.jobs import approvals
from backend.execution.jobs.claim import JobAttempt
from backend.execution.jobs.errors import ApiKeyEnded
from backend.execution.jobs.reservations import nothing_left
from backend.identity.auth import job_tokens
from backend.money.pricing import PriceList
from backend.skills.bundles.inline_skills import NOTEBOOK
from backend.skills.deployments.active import DeployedSkill, load_deployed_skill
from backend.skills.deployments.unpacked import ensure_empty, ensure_unpacked
from backend.skills.manifest.effects import NONE, Effects
from backend.skills.manifest.job_ceilings import JobCeilings
from backend.skills.manifest.types import Skill
from backend.storage.sandbox_uids import sandbox_uid
from workers.agent.assignment import for_agent
from workers.attempt.attempt import Attempt
from workers.attempt.types import Prepared
from workers.db_retry import DatabaseRetry
from workers.drives import input_versions
from workers.drives.growth import Held, held
from workers.drives.staged import OwnDrive, OwnDrives
from workers.notebooks.assignment import for_kernel
from workers.types import Assignment, Entrypoint, RunLimits

MAX_KNOWN = 256
USAGE_S = 5.0
"""For how long the usage of a drive is not read again: for as long a job may be rejected after space was freed."""
_known_usages: dict[UUID, tuple[float, Usage]] = {}
_known_secrets: dict[tuple[UUID, UUID, str], JobSecrets] = {}

TOKEN_SLACK = timedelta(minutes=5)
"""A job's token outlives its time limit by this, so that its last call is not cut off."""


class _Read(NamedTuple):
    """What the database says of a job beyond its claim."""

    deployed: DeployedSkill
    secrets: JobSecrets
    drive_usage: Usage
    confirmed: Effects
    versions: dict[str, str]
    case: Case | None


async def prepare(attempt: Attempt) -> Prepared:
    """Gather what the attempt needs, with a folder of its own if it does not run in the live drive.

    Raises:
        PurasError: something of it is gone, or the job must not start; the text says why.
    """
    claimed = attempt.claimed
    with spans.span("prepare"):
        if claimed.key_ended:
            raise ApiKeyEnded(claimed.key_ended)
        if claimed.lowered_by and claimed.reserved_micros == 0:
            raise nothing_left(claimed.lowered_by)
        retry = DatabaseRetry("not prepared yet", job_id=str(claimed.job_id))
        while True:
            async with retry:
                return await _gather(attempt)


def release_drive(attempt: Attempt, prepared: Prepared | None) -> None:
    """Remove the attempt's own folder, if it has one, and note which of its files are stored."""
    if prepared is not None and prepared.own_drive is not None and attempt.drives is not None:
        attempt.pushed = prepared.own_drive.placed
        attempt.drives.release(prepared.own_drive)


async def _gather(attempt: Attempt) -> Prepared:
    context, claimed = attempt.context, attempt.claimed
    read = await _read(context, claimed)
    skill = read.deployed.skill
    bundle_dir = await _bundle(context, context.settings.home / "bundles", read.deployed.sha256)
    uid = sandbox_uid(claimed.project_number)
    limits = run_limits(skill, claimed.limits, context.settings)
    await input_versions.require_unchanged(context.storage, claimed.project_id, read.versions)
    drive_dir, own_drive = await _drive(context, claimed, attempt.drives, skill=skill, uid=uid, limits=limits)
    held_drive = None if own_drive is not None else await _held(context, claimed, read.drive_usage)
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
        secrets=read.secrets.values,
        secrets_version=read.secrets.version,
        token=_token(context, claimed, limits),
        is_listed=claimed.publisher_id is not None,
        network=skill.network,
    )
    return Prepared(skill, _of_type(attempt, assignment, read), own_drive, held_drive, read.case)


async def _read(context: AppContext, claimed: JobAttempt) -> _Read:
    # A connection is taken for the first query, if there is one.
    async with context.database.reading() as session:
        deployed = await load_deployed_skill(session, claimed.deployment_id, claimed.skill_name)
        job_secrets = await _secrets(session, context, claimed)
        drive_usage = await _usage(session, context, claimed)
        confirmed = await _confirmed(session, claimed) if deployed.skill.is_agentic else NONE
        versions = await input_versions.unchecked(session, claimed)
        case = None
        if claimed.source == EVAL:
            case = await case_of(session, project_id=claimed.project_id, job_id=claimed.job_id)
    return _Read(deployed, job_secrets, drive_usage, confirmed, versions, case)


def _of_type(attempt: Attempt, assignment: Assignment, read: _Read) -> Assignment:
    """Return the assignment with what only agents and kernels need."""
    claimed, skill = attempt.claimed, read.deployed.skill
    if skill.name == NOTEBOOK:
        prices = PriceList.of(attempt.context.settings)
        return for_kernel(assignment, claimed, prices, skill=skill, leaving=attempt.leaving)
    if not skill.is_agentic:
        return assignment
    return for_agent(
        assignment,
        read.deployed.manifest,
        claimed,
        skill=skill,
        journal=attempt.journal,
        leaving=attempt.leaving,
        poll_children=attempt.poll_children,
        mocks=skill.eval_mocks if read.case is not None else {},
        confirmed=read.confirmed,
    )


def _token(context: AppContext, claimed: JobAttempt, limits: RunLimits) -> str:
    return job_tokens.mint(
        context.vault,
        project_id=claimed.project_id,
        job_id=claimed.job_id,
        attempt=claimed.attempt,
        expires_at=now() + timedelta(seconds=limits.timeout_s) + TOKEN_SLACK,
    )


async def _confirmed(session: AnySession, claimed: JobAttempt) -> Effects:
    """Return what the calling jobs declare as confirmed; without one, the job's own bundle alone counts."""
    if claimed.parent_job_id is None:
        return NONE
    return await approvals.confirmed_above(
        session, project_id=claimed.project_id, job_id=claimed.job_id, skillpack_id=claimed.skillpack_id
    )


async def _bundle(context: AppContext, cache_dir: Path, sha256: str | None) -> Path:
    """Return the unpacked bundle; for a prompt that runs without a deployment, an empty folder."""
    if sha256 is None:
        return await asyncio.to_thread(ensure_empty, cache_dir)
    return await ensure_unpacked(context.storage, cache_dir, sha256)


async def _drive(
    context: AppContext,
    claimed: JobAttempt,
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


async def _held(context: AppContext, claimed: JobAttempt, drive_usage: Usage) -> Held | None:
    """Return the live drive if earlier jobs have overfilled it."""
    if not drive_usage.is_over:
        return None
    drive_usage.refuse_far_over()
    return await held(context.storage, claimed.project_id, drive_usage)


async def _usage(session: AnySession, context: AppContext, claimed: JobAttempt) -> Usage:
    """Return what the drive holds, at most `USAGE_S` old."""
    until, known = _known_usages.get(claimed.project_id, (0.0, None))
    if known is None or until < time.monotonic():
        known = await usage.read(session, context.settings.quotas, claimed.project_id)
        _known_usages[claimed.project_id] = (time.monotonic() + USAGE_S, known)
        if len(_known_usages) > MAX_KNOWN:
            del _known_usages[next(iter(_known_usages))]
    return known


async def _secrets(session: AnySession, context: AppContext, claimed: JobAttempt) -> JobSecrets:
    """Return the job's secrets; they are read again only when the claim shows that one has changed."""
    key = (claimed.owner_id, claimed.skillpack_id, claimed.secrets_stamp)
    known = _known_secrets.get(key)
    if known is None:
        known = await secrets.for_job(
            session, context.vault, project_id=claimed.owner_id, skillpack_id=claimed.skillpack_id
        )
        _known_secrets[key] = known
        if len(_known_secrets) > MAX_KNOWN:
            del _known_secrets[next(iter(_known_secrets))]
    return known


def run_limits(skill: Skill, own: dict[str, Any], settings: Settings) -> RunLimits:
    """Return the job's limits: those of the skill or the instance, lowered by the job's own."""
    most = JobCeilings.of(settings)
    return RunLimits(
        timeout_s=_least(most.effective_timeout_s(skill), own.get("timeout_s")),
        memory_mb=int(_least(most.effective_memory_mb(skill), own.get("memory_mb"))),
        disk_mb=settings.job_disk_mb,
        output_mb=int(_least(most.effective_output_mb(skill), own.get("output_mb"))),
    )


def _least(most: float, own: float | None) -> float:
    return most if own is None else min(most, own)
