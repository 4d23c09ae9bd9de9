"""Submit jobs: every job except subjobs is created here, whichever interface submits it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Self
from uuid import UUID, uuid4

from sqlalchemy import text
from structlog.contextvars import get_contextvars

from backend.config import Settings
from backend.config.quotas import DEFAULTS
from backend.core import notifications
from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.core.errors import Invalid, Problem, PurasError
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED, JOBS_SUBMITTED
from backend.core.tracing import spans
from backend.data.drive.access import Versions
from backend.execution.events.append import NewEvent, as_payload
from backend.execution.events.types import QueuedEvent
from backend.execution.jobs import guardrails as guardrails
from backend.execution.jobs import transitions
from backend.execution.jobs.access import inputs as input_access
from backend.execution.jobs.access import recordings
from backend.execution.jobs.attempts import direct_start
from backend.execution.jobs.errors import (
    EnvironmentNotOnKey,
    KeyCapReached,
    LaneNotGranted,
    PromptNotOnKey,
    RunAtNotOnKey,
    TooManyLaterJobs,
    TooManyQueuedJobs,
    WalletEmpty,
)
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.subjobs import approvals
from backend.execution.jobs.submitted_row import SubmittedRow
from backend.execution.jobs.validation import check_limits, checked_inputs
from backend.execution.journal import turns
from backend.identity.auth import skill_allowlist
from backend.identity.auth.errors import SkillNotOnKey
from backend.identity.auth.principal import Principal, Role
from backend.identity.environments import Environment
from backend.marketplace import offers
from backend.marketplace.offers import NO_LISTING, Offer
from backend.money import admission
from backend.money.budgets import usage as budgets
from backend.money.pricing import PriceList
from backend.skills.assistant.skill import ASSISTANT
from backend.skills.bundles.inline_skills import INLINE, NOTEBOOK
from backend.skills.deployments import recent_skills
from backend.skills.deployments.active import ResolvedSkill, resolve_prompt, resolve_skill
from backend.skills.manifest.types import Skill
from backend.skills.skillpacks import service as skillpacks

DEFAULT_LANE = "default"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A request for a job, the version that it runs, and the limits of the instance."""

    request: JobCreate
    skillpack: str | None = None
    """ID or slug. None: the default skillpack, otherwise the only one that has the skill."""
    version: int | None = None
    """None: the active version."""
    deployment_id: UUID | None = None
    """Replays of a draft or of a deleted version set it: run exactly this deployment."""
    job_id: UUID = field(default_factory=uuid4)
    """ID of the new job. It is known before submission, so that the caller can subscribe before the job exists."""
    is_kernel: bool = False
    """The job is the kernel of a notebook, which no request can name."""
    has_stored_limits: bool = False
    """The limits were checked when they were stored. If a ceiling was lowered since, the ceiling applies."""
    started_by_agent: bool = False
    """The job or suite that this job is made from was started by an agent outside of this instance."""
    session_id: UUID | None = None
    """The session whose turn the job is."""
    environment: Environment | None = None
    """That of the session, the schedule or the repeated job. None: that of the request, or of the principal."""
    is_held: bool = False
    """The job waits until `admission.release_held`: the turn before it has not ended."""
    parent_job_id: UUID | None = None
    replay_of: UUID | None = None
    turn: turns.Turn | None = None
    """The conversation that the job continues, if its skill is an agent."""
    reader: Principal | None = None
    """The principal whose permission to read files of the drive applies to the inputs. None: the one that submits."""
    prices: PriceList = field(default_factory=PriceList)
    remembered: ResolvedSkill | None = None
    """The version to run. It and the principal were valid at its configuration stamp, but may not be any more."""
    max_queued: int = DEFAULTS.queued_jobs
    """The maximum number of pending jobs, unless the project has its own limit."""
    max_later: int = DEFAULTS.later_jobs
    """The maximum number of jobs that wait for their `run_at`, unless the project has a limit of its own."""

    def within(self, settings: Settings) -> Self:
        """Return the specification with the prices and limits of the instance."""
        return replace(
            self,
            prices=PriceList.of(settings),
            max_queued=settings.max_queued_jobs,
            max_later=settings.max_later_jobs,
        )


class Outdated(Exception):
    """The configuration of the project may have changed since the principal and the version were remembered.

    Nothing was submitted, and no other error is shown, since it might not be the one of the current configuration.
    """


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that is in the queue."""

    job_id: UUID
    is_ready: bool
    """False: it is pending, because the window of its project is full."""
    row: SubmittedRow | None = None
    """The row of a job that costs nothing. Others must be read."""


MAX_RUN_AT: Final = timedelta(days=365)
"""The maximum time until `run_at`."""


_LOCK_WINDOW = text("select from admissions where project_id = :project_id for update")
_HAS_LANE = text("select :lane = any(lanes) from admissions where project_id = :project_id")


async def submit(session: AnySession, principal: Principal, spec: JobSpec) -> Submitted:
    """Create a job in the queue and pin the version that is active now.

    Raises:
        NotAllowed: The principal may not submit jobs, run this skill, or read a file that the inputs name.
        Missing: The skill, the skillpack, the version, or the job whose recording is requested does not
            exist.
        Invalid: The inputs are not valid for the skill, or a guardrail blocks them; contains all problems.
        PaymentRequired: The wallet is empty, or the cap of the key or a budget is used up.
        TooManyQueuedJobs: The maximum number of jobs is pending.
        TooManyLaterJobs: The maximum number of jobs waits for `run_at`.
        Outdated: `spec.remembered` is set, and the job could not be submitted with it.
    """
    with spans.span("submit", "producer", puras__job__id=str(spec.job_id)) as span:
        submitted = await _submit(session, principal, spec)
        span.note(puras__project__id=str(principal.project_id), puras__skill=_skill_label(spec.request))
        return submitted


def _skill_label(request: JobCreate) -> str:
    if request.listing_id is not None:
        return f"{skill_allowlist.LISTING}{request.listing_id}"
    return request.skill or INLINE


async def _submit(session: AnySession, principal: Principal, spec: JobSpec) -> Submitted:
    try:
        resolution = await _checked(session, principal, spec)
        submitted = await _insert(session, principal, spec, resolution)
    except PurasError as error:
        if spec.remembered is None:
            raise
        raise Outdated from error
    if resolution.turn is not None:
        await turns.store(session, spec.job_id, resolution.turn)
    if resolution.offer is None:  # the names of a publisher's guardrails are private to the publisher
        await guardrails.record_decisions(session, principal.project_id, spec.job_id, resolution.events)
    return submitted


async def _checked(session: AnySession, principal: Principal, spec: JobSpec) -> _Resolved:
    principal.require(Role.DEVELOPER, "jobs:submit")
    environment = environment_of(principal, spec.environment or spec.request.environment)
    offer = await _find_offer(session, principal, spec)
    if offer is not None:
        resolved = offer.resolved
    else:
        resolved = spec.remembered or await _resolve(session, principal, spec, environment)
    if not (spec.has_stored_limits or spec.is_kernel):
        check_limits(resolved.skill, spec.request.limits, price_micros=offer.price_micros if offer else 0)
    await recordings.check(session, principal, spec.request.model)
    inputs, events = await guardrails.check_inputs(
        resolved.skill, checked_inputs(resolved.skill, spec.request)
    )
    turn = spec.turn if resolved.skill.is_agentic else None
    if turn is not None:
        turn, more_events = await turns.guarded(resolved.skill, turn)
        events = [*events, *more_events]
    file_versions = await input_access.check(
        session,
        spec.reader or principal,
        resolved.skill,
        inputs,
        known_job=spec.replay_of,
        trusts_defaults=offer is None or offer.publisher_id is None,
    )
    lane = spec.request.lane or resolved.skill.lane or DEFAULT_LANE
    if lane != DEFAULT_LANE:
        await _check_lane(session, principal, lane)
    await _check_cap(session, principal)
    if resolved.has_budgets:
        await budgets.check(
            session,
            project_id=principal.project_id,
            skillpack_id=resolved.skillpack_id,
            skill_name=resolved.skill.name,
            api_key_id=_key_of(principal),
            environment=environment,
        )
    return _Resolved(resolved, inputs, file_versions, lane, offer, environment, turn, events)


async def _find_offer(session: AnySession, principal: Principal, spec: JobSpec) -> Offer | None:
    """Return the listing that the request names, if any."""
    request = spec.request
    if request.listing_id is None:
        return None
    offer = await offers.find(
        session, principal, request.listing_id, version=spec.version, prices=spec.prices
    )
    offers.check_request(offer, skillpack=spec.skillpack, model=request.model, lane=request.lane)
    return offer


def environment_of(principal: Principal, requested: Environment | None) -> Environment:
    """Return the environment of a job: the requested one for users, otherwise that of the principal.

    Raises:
        EnvironmentNotOnKey: The principal is a key or a job of another environment.
    """
    if requested is None or requested == principal.environment:
        return principal.environment
    if principal.kind in ("user", "system"):
        return requested
    raise EnvironmentNotOnKey(requested, principal.environment)


async def _resolve(
    session: AnySession, principal: Principal, spec: JobSpec, environment: Environment
) -> ResolvedSkill:
    selection: Any = {
        "environment": environment,
        "skillpack": spec.skillpack,
        "version": spec.version,
        "deployment_id": spec.deployment_id,
    }
    if spec.request.skill is None or spec.is_kernel:
        if principal.kind == "publishable_key" or principal.skill_allowlist:
            raise PromptNotOnKey(principal.skill_allowlist)
        name = NOTEBOOK if spec.is_kernel else INLINE
        return await resolve_prompt(session, principal, name=name, **selection)
    if spec.request.skill == ASSISTANT and spec.deployment_id is not None:
        principal.require(Role.DEVELOPER, "deployments:write")
        if principal.skill_allowlist:
            raise PromptNotOnKey(principal.skill_allowlist)
        return await resolve_prompt(session, principal, name=ASSISTANT, **selection)
    check_name(principal, spec.request.skill, spec.skillpack)
    resolved = await resolve_skill(session, principal, skill=spec.request.skill, is_for_run=True, **selection)
    if environment == principal.environment and {spec.skillpack, spec.version, spec.deployment_id} == {None}:
        recent_skills.remember(principal, spec.request.skill, resolved)
    return resolved


def check_name(principal: Principal, skill: str, skillpack: str | None) -> None:
    """Reject a skill that the key may not run in any skillpack, before the lookup: a 404 would reveal which exist.

    Raises:
        SkillNotOnKey: The key has a list of skills, and it is not one of them.
    """
    pack, name = skill_allowlist.parts_of(skill, skillpack)
    if pack is not None and skillpacks.as_id(pack) is not None:
        pack = None  # the list contains slugs, so only the resolved skillpack can be compared
    if not skill_allowlist.may_name(principal.skill_allowlist, pack, name):
        raise SkillNotOnKey(skill[:200], principal.skill_allowlist)


async def _check_lane(session: AnySession, principal: Principal, lane: str) -> None:
    values = {"project_id": principal.project_id, "lane": lane}
    if not (await session.execute(_HAS_LANE, values)).scalar_one():
        raise LaneNotGranted(lane)


async def _check_cap(session: AnySession, principal: Principal) -> None:
    """Reject early a job that could not start. Each claim enforces the cap: it lowers the reservation to it."""
    cap = principal.daily_cap_micros
    if cap is None:
        return
    spent, resets_at = await budgets.used_by_key(
        session, project_id=principal.project_id, api_key_id=principal.id
    )
    if spent >= cap:
        key = principal.label.removeprefix("key:")
        raise KeyCapReached(key, spent_micros=spent, cap_micros=cap, resets_at=resets_at)


class _Resolved(NamedTuple):
    """The parts of a request after lookup and validation."""

    resolved: ResolvedSkill
    inputs: dict[str, Any]
    file_versions: Versions | None
    lane: str
    offer: Offer | None
    environment: Environment
    turn: turns.Turn | None
    events: list[NewEvent]
    """The decisions of guardrails."""


def _shown_version(resolution: _Resolved) -> int | None:
    """Return the version for the event: for a listing of another project, the version of the listing."""
    offer = resolution.offer
    return resolution.resolved.version if offer is None or offer.publisher_id is None else offer.version


async def _insert(
    session: AnySession, principal: Principal, spec: JobSpec, resolution: _Resolved
) -> Submitted:
    resolved, inputs, file_versions, lane, offer, environment, *_ = resolution
    request, skill = spec.request, resolved.skill
    cap = spec.prices.cap_micros(skill, request.limits)
    if (
        spec.is_kernel
    ):  # a kernel may run for hours, and its reservation would block all other jobs of the project
        cap = min(cap, spec.prices.job_cap_micros)
    if offer is not None:
        cap = await offers.cap_micros(session, principal, offer, request.limits, spec.prices)
    row = {
        "id": spec.job_id,
        "project_id": principal.project_id,
        "skillpack_id": resolved.skillpack_id,
        "deployment_id": resolved.deployment_id,
        "deployment_version": resolved.version,
        "skill_name": skill.name,
        "type": _type_of(skill),
        "model": request.model,
        "prompt": request.prompt,
        "parent_job_id": spec.parent_job_id,
        "replay_of": spec.replay_of,
        "session_id": spec.session_id,
        "inputs": json.dumps(inputs),
        "environment": environment,
        "lane": lane,
        "priority": request.priority,
        "source": request.source,
        "metadata": json.dumps(request.metadata),
        "limits": request.limits.model_dump_json(exclude_none=True),
        "cap_micros": cap,
        "forgivable_micros": spec.prices.forgiven_micros,
        "submitted_by": principal.label,
        "api_key_id": _key_of(principal),
        "request_id": str(get_contextvars().get("request_id", "")),
        "traceparent": spans.traceparent(),
        "created_at": now(),
        "not_before": admission.HELD_UNTIL if spec.is_held else _start_time(principal, request.run_at),
        "max_queued": spec.max_queued,
        "max_later": spec.max_later,
        "stamp": None if spec.remembered is None else spec.remembered.configuration_stamp,
        "event": as_payload(
            QueuedEvent(skill=skill.name, version=_shown_version(resolution), source=request.source)
        ),
        "approval": "needed" if await _needs_approval(session, principal, spec, resolution) else "none",
        "started_by_agent": _is_by_agent(principal, spec),
        "input_versions": None if file_versions is None else json.dumps(file_versions),
        **(NO_LISTING if offer is None else offer.columns),
    }
    is_free = cap == 0 and row["not_before"] is None
    submitted = await _start_free(session, row, skill) if is_free else None
    if submitted is None and is_free:
        submitted = await _queue_free(session, row)
    if submitted is None:
        submitted = await _queue_any(session, row)
    transactional.note(session, JOBS_SUBMITTED.labels(lane))
    transactional.note(session, EVENTS_APPENDED)
    changed = notifications.EventNotification(spec.job_id, 1, project_id=principal.project_id)
    notifications.note(session, changed)
    return submitted


async def _start_free(session: AnySession, row: Mapping[str, Any], skill: Skill) -> Submitted | None:
    """Start a job that costs nothing in a free slot of a worker; None if it has to be queued."""
    slot = await direct_start.slot_for(skill, row)
    if slot is None:
        return None
    started = await transitions.start_free(session, {**row, "worker_id": slot.worker_id})
    if started is None:
        return None
    direct_start.note(session, slot, row, started)
    return Submitted(row["id"], True, SubmittedRow(row, started_at=started.started_at))


async def _queue_free(session: AnySession, row: Mapping[str, Any]) -> Submitted | None:
    """Queue a job that costs nothing, by the cheaper statement; None if `_queue_any` has to decide.

    Raises:
        Outdated: The remembered configuration of the project is not the current one.
    """
    row_result = await transitions.submit_free(session, row)
    if row_result.is_outdated:
        raise Outdated
    if row_result.is_full:
        return None
    _wake_worker(session, row_result, row["lane"])
    return Submitted(row["id"], row_result.is_ready, SubmittedRow(row, queued=row_result))


async def _queue_any(session: AnySession, row: Mapping[str, Any]) -> Submitted:
    """Queue any job.

    Raises:
        Outdated: The remembered configuration of the project is not the current one.
        TooManyLaterJobs: The maximum number of jobs waits for `run_at`.
        TooManyQueuedJobs: The maximum number of jobs is pending.
        WalletEmpty: Nothing can be reserved.
    """
    if (
        row["not_before"] is not None
    ):  # lock first, so that the statement counts the jobs of earlier lock holders
        await session.execute(_LOCK_WINDOW, {"project_id": row["project_id"]})
    row_result = await transitions.submit(session, row)
    if row_result.is_outdated:
        raise Outdated
    if row_result.is_full and row_result.is_later:
        raise TooManyLaterJobs(row_result.later, row_result.max_later)
    if row_result.is_full:
        raise TooManyQueuedJobs(row_result.waiting, row_result.max_waiting)
    if not row_result.is_accepted:
        raise WalletEmpty(row_result.balance_micros, row_result.reserved_micros)
    _wake_worker(session, row_result, row["lane"])
    return Submitted(row["id"], row_result.is_ready)


def _wake_worker(session: AnySession, row_result: Any, lane: str) -> None:
    if row_result.is_ready:
        notifications.note(session, notifications.WorkerWakeup(lane))


def _is_by_agent(principal: Principal, spec: JobSpec) -> bool:
    return principal.is_agent or spec.started_by_agent or spec.request.source == approvals.AGENT_SOURCE


async def _needs_approval(
    session: AnySession, principal: Principal, spec: JobSpec, resolution: _Resolved
) -> bool:
    """Return whether the job needs an approval: an outside agent submits a skill that its bundle confirms.

    The `confirm` of a publisher applies to the agents of the publisher only.
    """
    resolved, offer = resolution.resolved, resolution.offer
    is_own = offer is None or offer.publisher_id is None
    return (is_own and _is_by_agent(principal, spec)) and await approvals.is_confirmed_in(
        session, principal, resolved.skill, resolved.skillpack_id, resolved.deployment_id
    )


def _type_of(skill: Skill) -> str:
    if skill.name == NOTEBOOK:
        return "kernel"
    return skill.type


def _key_of(principal: Principal) -> UUID | None:
    return principal.id if principal.kind.endswith("_key") else None


def _start_time(principal: Principal, run_at: datetime | None) -> datetime | None:
    if run_at is None:
        return None
    if principal.kind == "publishable_key":
        raise RunAtNotOnKey
    if run_at.tzinfo is None:
        raise Invalid(
            "run_at has no time zone. Write it as 2026-01-31T09:00:00Z.",
            [Problem("run_at", "needs a time zone")],
        )
    if run_at > now() + MAX_RUN_AT:
        raise Invalid(
            f"run_at is more than {MAX_RUN_AT.days} days ahead. Use an earlier time, or create a schedule.",
            [Problem("run_at", f"must be at most {MAX_RUN_AT.days} days ahead")],
        )
    return run_at if run_at > now() else None
