"""The one way in: every job of every way to submit begins here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text
from structlog.contextvars import get_contextvars

from backend.config.quotas import DEFAULTS
from backend.core import notifications
from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.core.errors import Invalid, Problem
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED, JOBS_SUBMITTED
from backend.core.tracing import spans
from backend.data.drive.access import Versions
from backend.execution.events.append import as_payload
from backend.execution.events.types import QueuedEvent
from backend.execution.jobs import approvals, input_access, recorded, transitions
from backend.execution.jobs import guardrails as rails
from backend.execution.jobs.errors import (
    KeyCapReached,
    LaneNotGranted,
    PromptNotOnKey,
    RunAtNotOnKey,
    TooManyLaterJobs,
    TooManyQueuedJobs,
    WalletEmpty,
)
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.validation import check_limits, checked_inputs
from backend.identity.auth import skill_allowlist
from backend.identity.auth.errors import SkillNotOnKey
from backend.identity.auth.principal import Principal, Role
from backend.marketplace import offers
from backend.marketplace.offers import NO_LISTING, Offer
from backend.money.budgets import usage as budgets
from backend.money.pricing import PriceList
from backend.skills.bundles.inline_skills import INLINE, NOTEBOOK
from backend.skills.deployments.active import ResolvedSkill, resolve_prompt, resolve_skill
from backend.skills.manifest.types import Skill
from backend.skills.skillpacks import service as skillpacks

DEFAULT_LANE = "default"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A request for a job and which version of what it is for."""

    request: JobCreate
    skillpack: str | None = None
    """Id or slug; none: the default one, else the only one that has the skill."""
    version: int | None = None
    """None: the active one."""
    deployment_id: UUID | None = None
    """Set by replays of a draft or a deleted version: exactly this one."""
    job_id: UUID = field(default_factory=uuid4)
    """Of the job that this becomes; known before, so that its caller can listen before it exists."""
    is_kernel: bool = False
    """It becomes the kernel of a notebook, which no request can name."""
    has_stored_limits: bool = False
    """Its limits were checked when they were stored; above a ceiling that was lowered since, the ceiling holds."""
    started_by_agent: bool = False
    """What it is made of, a job or a suite, was started by an agent outside of this instance."""
    parent_job_id: UUID | None = None
    replay_of: UUID | None = None
    reader: Principal | None = None
    """Whose right to read files of the drive counts for the inputs; None: that of who submits."""
    prices: PriceList = field(default_factory=PriceList)
    most_queued: int = DEFAULTS.queued_jobs
    """Jobs that may wait outside of the project's window, unless the project has a limit of its own."""
    most_later: int = DEFAULTS.later_jobs
    """Jobs that may wait for their `run_at`, unless the project has a limit of its own."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that is in the queue."""

    job_id: UUID
    is_ready: bool
    """False: it is parked behind its project's limit."""


MAX_RUN_AT: Final = timedelta(days=365)
"""How far ahead a job for later may be."""


_HOLD_QUEUE = text("select from admissions where project_id = :project_id for update")
_HAS_LANE = text("select :lane = any(lanes) from admissions where project_id = :project_id")


async def submit(session: AnySession, principal: Principal, spec: JobSpec) -> Submitted:
    """Put one run of a skill into the queue, with the version that is active now pinned to it.

    Raises:
        NotAllowed: the principal may not submit, or not this skill, or not read a file that the inputs name.
        Missing: there is no such skill, skillpack or version, or no such job whose recording is asked for.
        Invalid: the inputs do not fit the skill, or a rail of it; carries every problem.
        PaymentRequired: the wallet is empty, or the key's cap or a budget is reached.
        TooManyQueuedJobs: as many as may wait do so.
        TooManyLaterJobs: as many as may wait for their time do so.
    """
    with spans.span("submit", "producer", puras__job__id=str(spec.job_id)) as span:
        submitted = await _submit(session, principal, spec)
        span.note(puras__project__id=str(principal.project_id), puras__skill=_named(spec.request))
        return submitted


def _named(request: JobCreate) -> str:
    if request.listing_id is not None:
        return f"{skill_allowlist.LISTING}{request.listing_id}"
    return request.skill or INLINE


async def _submit(session: AnySession, principal: Principal, spec: JobSpec) -> Submitted:
    principal.require(Role.DEVELOPER, "jobs:submit")
    offer = await _offered(session, principal, spec)
    resolved = await _resolved(session, principal, spec) if offer is None else offer.resolved
    if not (spec.has_stored_limits or spec.is_kernel):
        check_limits(resolved.skill, spec.request.limits, price_micros=offer.price_micros if offer else 0)
    await recorded.check(session, principal, spec.request.model)
    inputs, told = await rails.let_in(resolved.skill, checked_inputs(resolved.skill, spec.request))
    versions = await input_access.check(
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
        )
    found = _Found(resolved, inputs, versions, lane, offer)
    submitted = await _insert(session, principal, spec, found)
    if offer is None:  # what a publisher's rails are called is the publisher's
        await rails.tell(session, principal.project_id, spec.job_id, told)
    return submitted


async def _offered(session: AnySession, principal: Principal, spec: JobSpec) -> Offer | None:
    """The listing that the request names, if it names one."""
    request = spec.request
    if request.listing_id is None:
        return None
    offer = await offers.find(
        session, principal, request.listing_id, version=spec.version, prices=spec.prices
    )
    offers.check_request(offer, skillpack=spec.skillpack, model=request.model, lane=request.lane)
    return offer


async def _resolved(session: AnySession, principal: Principal, spec: JobSpec) -> ResolvedSkill:
    which: Any = {"skillpack": spec.skillpack, "version": spec.version, "deployment_id": spec.deployment_id}
    if spec.request.skill is None or spec.is_kernel:
        if principal.kind == "publishable_key" or principal.skill_allowlist:
            raise PromptNotOnKey(principal.skill_allowlist)
        name = NOTEBOOK if spec.is_kernel else INLINE
        return await resolve_prompt(session, principal, name=name, **which)
    _check_name(principal, spec.request.skill, spec.skillpack)
    return await resolve_skill(session, principal, skill=spec.request.skill, is_for_run=True, **which)


def _check_name(principal: Principal, skill: str, skillpack: str | None) -> None:
    """Reject what the key may run in no skillpack before it is looked up: 404 would say which skills there are."""
    pack, name = skill_allowlist.parts_of(skill, skillpack)
    if pack is not None and skillpacks.as_id(pack) is not None:
        pack = None  # the list has slugs, so only the resolved skillpack can be compared
    if not skill_allowlist.may_name(principal.skill_allowlist, pack, name):
        raise SkillNotOnKey(skill[:200], principal.skill_allowlist)


async def _check_lane(session: AnySession, principal: Principal, lane: str) -> None:
    values = {"project_id": principal.project_id, "lane": lane}
    if not (await session.execute(_HAS_LANE, values)).scalar_one():
        raise LaneNotGranted(lane)


async def _check_cap(session: AnySession, principal: Principal) -> None:
    """Reject early what could not start; what holds the cap is that each claim lowers its reservation to it."""
    cap = principal.daily_cap_micros
    if cap is None:
        return
    spent, resets_at = await budgets.used_by_key(
        session, project_id=principal.project_id, api_key_id=principal.id
    )
    if spent >= cap:
        key = principal.label.removeprefix("key:")
        raise KeyCapReached(key, spent_micros=spent, cap_micros=cap, resets_at=resets_at)


class _Found(NamedTuple):
    """What the request comes to."""

    resolved: ResolvedSkill
    inputs: dict[str, Any]
    versions: Versions | None
    lane: str
    offer: Offer | None


def _shown_version(found: _Found) -> int | None:
    """Return the version that the event names: for a listing of another project the listing's own."""
    offer = found.offer
    return found.resolved.version if offer is None or offer.publisher_id is None else offer.version


async def _insert(session: AnySession, principal: Principal, spec: JobSpec, found: _Found) -> Submitted:
    resolved, inputs, versions, lane, offer = found
    request, skill = spec.request, resolved.skill
    cap = spec.prices.cap_micros(skill, request.limits)
    if spec.is_kernel:  # it may live for hours, which would take the wallet from all other jobs
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
        "inputs": json.dumps(inputs),
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
        "not_before": _later(principal, request.run_at),
        "most_queued": spec.most_queued,
        "most_later": spec.most_later,
        "event": as_payload(
            QueuedEvent(skill=skill.name, version=_shown_version(found), source=request.source)
        ),
        "approval": "needed" if await _asks(session, principal, spec, found) else "none",
        "started_by_agent": _is_by_agent(principal, spec),
        "input_versions": None if versions is None else json.dumps(versions),
        **(NO_LISTING if offer is None else offer.columns),
    }
    done = await _put(session, row)
    if not done.is_accepted:
        raise WalletEmpty(done.balance_micros, done.reserved_micros)
    transactional.note(session, JOBS_SUBMITTED.labels(lane))
    transactional.note(session, EVENTS_APPENDED)
    if done.is_ready:
        notifications.note(session, notifications.WorkerWakeup(lane))
    return Submitted(spec.job_id, done.is_ready)


async def _put(session: AnySession, row: Mapping[str, Any]) -> Any:
    """Put the job into the queue.

    Raises:
        TooManyLaterJobs: As many as may wait for their time do so.
        TooManyQueuedJobs: As many as may wait do so.
    """
    if row["cap_micros"] == 0 and row["not_before"] is None:
        done = await transitions.submit_free(session, row)
        if not done.is_full:
            return done
    if row["not_before"] is not None:  # the statement counts what others have committed before it begins
        await session.execute(_HOLD_QUEUE, {"project_id": row["project_id"]})
    done = await transitions.submit(session, row)
    if done.is_full and done.is_later:
        raise TooManyLaterJobs(done.later, done.most_later)
    if done.is_full:
        raise TooManyQueuedJobs(done.waiting, done.most_waiting)
    return done


def _is_by_agent(principal: Principal, spec: JobSpec) -> bool:
    return principal.is_agent or spec.started_by_agent or spec.request.source == approvals.AGENT_SOURCE


async def _asks(session: AnySession, principal: Principal, spec: JobSpec, found: _Found) -> bool:
    """Whether an agent outside of this instance submits what an agent of the bundle runs only with an approval.

    What a publisher confirms binds its own agents, and says nothing about those of others.
    """
    resolved, offer = found.resolved, found.offer
    is_own = offer is None or offer.publisher_id is None
    return (is_own and _is_by_agent(principal, spec)) and await approvals.is_confirmed_in(
        session, principal, resolved.skill, resolved.skillpack_id, resolved.deployment_id
    )


def _type_of(skill: Skill) -> str:
    if skill.name == NOTEBOOK:
        return "kernel"
    return "agentic" if skill.is_agentic else "deterministic"


def _key_of(principal: Principal) -> UUID | None:
    return principal.id if principal.kind.endswith("_key") else None


def _later(principal: Principal, run_at: datetime | None) -> datetime | None:
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
            f"run_at is more than {MAX_RUN_AT.days} days ahead. Name an earlier time, or create a schedule.",
            [Problem("run_at", f"must be at most {MAX_RUN_AT.days} days ahead")],
        )
    return run_at if run_at > now() else None
