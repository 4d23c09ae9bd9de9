"""Gather what a runner needs for one attempt from the database and the storage."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
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
from backend.execution.jobs import reservations
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.execution.jobs.errors import ApiKeyEnded
from backend.execution.jobs.subjobs import approvals
from backend.execution.sessions import cost as session_cost
from backend.identity.auth import job_tokens
from backend.money.pricing import PriceList
from backend.skills.assistant.skill import ASSISTANT
from backend.skills.bundles.inline_skills import NOTEBOOK
from backend.skills.deployments.active import DeployedSkill, load_deployed_skill
from backend.skills.deployments.unpacked import ensure_empty, ensure_unpacked
from backend.skills.manifest.effects import NONE, Effects
from backend.skills.manifest.job_ceilings import JobCeilings
from backend.skills.manifest.types import Skill
from backend.storage.sandbox_uids import sandbox_uid
from workers.agent.assignment import for_agent
from workers.agent.assistant.assignment import for_assistant
from workers.attempt.attempt import Attempt
from workers.attempt.types import Prepared
from workers.db_retry import DatabaseRetry
from workers.drives import input_versions
from workers.drives.overfull import OverfullDrive, measure_overfull
from workers.drives.staged import StagedDrive, StagedDrives
from workers.notebooks.assignment import for_kernel
from workers.runners.flow import for_flow
from workers.steps.job_steps import JobSteps
from workers.types import Assignment, Entrypoint, RunLimits

MAX_CACHED = 256
USAGE_S = 5.0
"""The time for which the usage of a drive is cached: a job may be rejected for this time after space was
freed."""
_usage_cache: dict[UUID, tuple[float, Usage]] = {}
_secrets_cache: dict[tuple[UUID, UUID, str, str], JobSecrets] = {}

TOKEN_SLACK = timedelta(minutes=5)
"""A job's token outlives its time limit by this, so that its last call is not cut off."""


class _Read(NamedTuple):
    """The data of a job in addition to its claim."""

    deployed: DeployedSkill
    secrets: JobSecrets
    drive_usage: Usage
    confirmed: Effects
    versions: dict[str, str]
    case: Case | None
    session_left_micros: int | None
    """What the session of a turn may still cost."""


async def prepare(attempt: Attempt) -> Prepared:
    """Gather what the attempt needs, with a folder of its own if it does not run in the live drive.

    Raises:
        PurasError: a part of it does not exist any more, or the job must not start; the message says why.
    """
    job_attempt = attempt.job_attempt
    with spans.span("prepare"):
        if job_attempt.key_ended:
            raise ApiKeyEnded(job_attempt.key_ended)
        if job_attempt.lowered_by and job_attempt.reserved_micros == 0:
            raise reservations.limit_error(job_attempt.lowered_by)
        retry = DatabaseRetry("not prepared yet", job_id=str(job_attempt.job_id))
        while True:
            async with retry:
                return await _gather(attempt)


def release_drive(attempt: Attempt, prepared: Prepared | None) -> None:
    """Remove the attempt's own folder, if it has one, and record which of its files are stored."""
    if prepared is not None and prepared.staged_drive is not None and attempt.drives is not None:
        attempt.pushed = prepared.staged_drive.stored_paths
        attempt.drives.release(prepared.staged_drive)


async def _gather(attempt: Attempt) -> Prepared:
    context, job_attempt = attempt.context, attempt.job_attempt
    read = await _read(context, job_attempt)
    await _lower_reservation(attempt, read.session_left_micros)
    skill = read.deployed.skill
    bundle_dir = await _bundle(context, context.settings.home / "bundles", read.deployed.sha256)
    uid = sandbox_uid(job_attempt.project_number)
    limits = run_limits(skill, job_attempt.limits, context.settings)
    await input_versions.require_unchanged(context.storage, job_attempt.project_id, read.versions)
    drive_dir, staged_drive = await _drive(
        context, job_attempt, attempt.drives, skill=skill, uid=uid, limits=limits
    )
    overfull_drive = (
        None if staged_drive is not None else await _overfull_drive(context, job_attempt, read.drive_usage)
    )
    assignment = Assignment(
        job_id=job_attempt.job_id,
        attempt=job_attempt.attempt,
        project_id=job_attempt.project_id,
        environment=job_attempt.environment,
        deployment_id=job_attempt.deployment_id,
        skill_name=skill.name,
        entrypoint=Entrypoint(skill.path, skill.file, skill.function),
        declared_inputs=skill.inputs.declared,
        inputs=job_attempt.inputs,
        limits=limits,
        bundle_dir=bundle_dir,
        requirements=bundle_dir / skill.requirements if skill.requirements else None,
        drive_dir=drive_dir,
        has_staged_drive=staged_drive is not None,
        sandbox_uid=uid,
        secrets={} if skill.is_trial else read.secrets.values,
        secrets_version="" if skill.is_trial else read.secrets.version,
        token="" if skill.is_trial else _token(context, job_attempt, limits),
        is_listed=job_attempt.publisher_id is not None,
        network=skill.network,
    )
    of_type = await _of_type(attempt, assignment, read)
    return Prepared(skill, of_type, staged_drive, overfull_drive, read.case)


async def _read(context: AppContext, job_attempt: JobAttempt) -> _Read:
    # A connection is taken for the first query, if there is one.
    async with context.database.reading() as session:
        deployed = await load_deployed_skill(session, job_attempt.deployment_id, job_attempt.skill_name)
        job_secrets = await _secrets(session, context, job_attempt)
        drive_usage = await _usage(session, context, job_attempt)
        confirmed = await _confirmed(session, job_attempt) if deployed.skill.is_agentic else NONE
        versions = await input_versions.unchecked(session, job_attempt)
        case = None
        if job_attempt.source == EVAL:
            case = await case_of(session, project_id=job_attempt.project_id, job_id=job_attempt.job_id)
        session_left = await _session_left(session, context, job_attempt)
    return _Read(deployed, job_secrets, drive_usage, confirmed, versions, case, session_left)


async def _session_left(session: AnySession, context: AppContext, job_attempt: JobAttempt) -> int | None:
    """Return what the session of a turn may still cost; none for other jobs.

    Messages that wait were checked when they were sent, before the turns before them had their cost.

    Raises:
        SessionCostReached: That is nothing, and the turn has not started before.
    """
    if job_attempt.session_id is None:
        return None
    found = await session_cost.read(
        session,
        job_attempt.project_id,
        job_attempt.session_id,
        context.settings.quotas,
        except_job_id=job_attempt.job_id,
    )
    if found is None:
        return None
    return found.left_micros() if job_attempt.attempt == 1 else found.limit_micros - found.spent_micros


async def _lower_reservation(attempt: Attempt, session_left_micros: int | None) -> None:
    """Reserve no more than the session of a turn may still cost: what the turn buys and calls is paid from that."""
    job_attempt = attempt.job_attempt
    if session_left_micros is None or session_left_micros >= job_attempt.reserved_micros:
        return
    async with attempt.context.database.transaction() as session:
        lowered = await reservations.lower(
            session,
            project_id=job_attempt.project_id,
            job_id=job_attempt.job_id,
            attempt=job_attempt.attempt,
            max_cost_micros=max(0, session_left_micros),
        )
    if lowered is not None:
        attempt.lower_reservation(lowered)


async def _of_type(attempt: Attempt, assignment: Assignment, read: _Read) -> Assignment:
    """Return the assignment with what only agents and kernels need."""
    job_attempt, skill = attempt.job_attempt, read.deployed.skill
    if skill.name == NOTEBOOK:
        prices = PriceList.of(attempt.context.settings)
        return for_kernel(assignment, job_attempt, prices, skill=skill, leaving=attempt.leaving)
    if skill.is_flow:
        return for_flow(assignment, skill)
    if not skill.is_agentic:
        database, recorder = attempt.context.database, attempt.recorder
        steps = JobSteps(database, job_attempt, recorder, is_trial=skill.is_trial)
        return replace(assignment, requests=steps)
    agent = for_agent(
        assignment,
        read.deployed.manifest,
        job_attempt,
        skill=skill,
        journal=attempt.journal,
        leaving=attempt.leaving,
        poll_children=attempt.poll_children,
        mocks=skill.eval_mocks if read.case is not None else {},
        confirmed=read.confirmed,
        session_left_micros=read.session_left_micros,
    )
    if skill.name != ASSISTANT:
        return agent
    storage, sha256 = attempt.context.storage, read.deployed.sha256
    return await for_assistant(agent, storage, sha256, skillpack_id=job_attempt.skillpack_id)


def _token(context: AppContext, job_attempt: JobAttempt, limits: RunLimits) -> str:
    return job_tokens.mint(
        context.vault,
        project_id=job_attempt.project_id,
        job_id=job_attempt.job_id,
        attempt=job_attempt.attempt,
        expires_at=now() + timedelta(seconds=limits.timeout_s) + TOKEN_SLACK,
    )


async def _confirmed(session: AnySession, job_attempt: JobAttempt) -> Effects:
    """Return what the calling jobs declare as confirmed; without one, the job's own bundle alone counts."""
    if job_attempt.parent_job_id is None:
        return NONE
    return await approvals.confirmed_above(
        session,
        project_id=job_attempt.project_id,
        job_id=job_attempt.job_id,
        skillpack_id=job_attempt.skillpack_id,
    )


async def _bundle(context: AppContext, cache_dir: Path, sha256: str | None) -> Path:
    """Return the unpacked bundle; for a prompt that runs without a deployment, an empty folder."""
    if sha256 is None:
        return await asyncio.to_thread(ensure_empty, cache_dir)
    return await ensure_unpacked(context.storage, cache_dir, sha256)


async def _drive(
    context: AppContext,
    job_attempt: JobAttempt,
    drives: StagedDrives | None,
    *,
    skill: Skill,
    uid: int | None,
    limits: RunLimits,
) -> tuple[Path, StagedDrive | None]:
    is_apart = job_attempt.publisher_id is not None or skill.is_trial
    live = None if is_apart else context.storage.drive_dir(job_attempt.project_id, uid)
    if live is not None:
        return live, None
    if drives is None:
        raise RuntimeError("This job needs a staged drive, and this worker does not create any.")
    staged = await drives.make(job_attempt, skill, owner_uid=uid, max_bytes=limits.disk_mb << 20)
    return staged.folder, staged


async def _overfull_drive(
    context: AppContext, job_attempt: JobAttempt, drive_usage: Usage
) -> OverfullDrive | None:
    """Return the live drive if it exceeds its quota."""
    if not drive_usage.is_over:
        return None
    drive_usage.require_not_far_over()
    return await measure_overfull(context.storage, job_attempt.project_id, drive_usage)


async def _usage(session: AnySession, context: AppContext, job_attempt: JobAttempt) -> Usage:
    """Return the usage of the drive, at most `USAGE_S` old."""
    until, cached = _usage_cache.get(job_attempt.project_id, (0.0, None))
    if cached is None or until < time.monotonic():
        cached = await usage.read(session, context.settings.quotas, job_attempt.project_id)
        _usage_cache[job_attempt.project_id] = (time.monotonic() + USAGE_S, cached)
        if len(_usage_cache) > MAX_CACHED:
            del _usage_cache[next(iter(_usage_cache))]
    return cached


async def _secrets(session: AnySession, context: AppContext, job_attempt: JobAttempt) -> JobSecrets:
    """Return the job's secrets; they are read again only when the claim shows that one has changed."""
    environment = job_attempt.secrets_environment
    key = (job_attempt.owner_id, job_attempt.skillpack_id, environment, job_attempt.secrets_stamp)
    cached = _secrets_cache.get(key)
    if cached is None:
        cached = await secrets.for_job(
            session,
            context.vault,
            project_id=job_attempt.owner_id,
            skillpack_id=job_attempt.skillpack_id,
            environment=environment,
        )
        _secrets_cache[key] = cached
        if len(_secrets_cache) > MAX_CACHED:
            del _secrets_cache[next(iter(_secrets_cache))]
    return cached


def run_limits(skill: Skill, own_limits: dict[str, Any], settings: Settings) -> RunLimits:
    """Return the job's limits: those of the skill or the instance, lowered by the job's own."""
    ceilings = JobCeilings.of(settings)
    return RunLimits(
        timeout_s=_least(ceilings.effective_timeout_s(skill), own_limits.get("timeout_s")),
        memory_mb=int(_least(ceilings.effective_memory_mb(skill), own_limits.get("memory_mb"))),
        disk_mb=settings.job_disk_mb,
        output_mb=int(_least(ceilings.effective_output_mb(skill), own_limits.get("output_mb"))),
    )


def _least(maximum: float, own_limit: float | None) -> float:
    return maximum if own_limit is None else min(maximum, own_limit)
