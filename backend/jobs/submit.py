"""The one way in: every job of every way to submit begins here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text
from structlog.contextvars import get_contextvars

from backend import queue
from backend.auth import skill_allowlist
from backend.auth.principal import Principal, Role
from backend.bundles.adhoc import INLINE, NOTEBOOK
from backend.bundles.manifest import Skill
from backend.clock import now
from backend.db import AnySession
from backend.deployments.active import ResolvedSkill, resolve_prompt, resolve_skill
from backend.errors import Invalid, Problem
from backend.jobs import admission
from backend.jobs.errors import (
    KeyCapReached,
    LaneNotGranted,
    PromptNotOnKey,
    SkillNotOnKey,
    TooManyQueuedJobs,
    WalletEmpty,
)
from backend.jobs.fit import checked_inputs
from backend.jobs.schemas import JobRequest
from backend.ledger.budgets import standing as budgets
from backend.ledger.pricing import PriceList
from backend.limits.quotas import DEFAULTS
from backend.marketplace import offers
from backend.marketplace.offers import NO_LISTING, Offer
from backend.metrics import committed
from backend.metrics.instruments import EVENTS_APPENDED, JOBS_SUBMITTED
from backend.rails import submitting as rails
from backend.tracing import spans

DEFAULT_LANE = "default"


@dataclass(frozen=True, slots=True)
class JobSpec:
    """A request for a job and which version of what it is for."""

    request: JobRequest
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
    parent_job_id: UUID | None = None
    replay_of: UUID | None = None
    prices: PriceList = field(default_factory=PriceList)
    most_queued: int = DEFAULTS.queued_jobs
    """Jobs that may wait outside of the project's window, unless the project has a limit of its own."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job that is in the queue."""

    job_id: UUID
    is_ready: bool
    """False: it is parked behind its project's limit."""


_SUBMIT = text(f"""
with project as (
  select a.project_id, a.parked, coalesce(cast(p.limits ->> 'queued_jobs' as int), :most_queued) as most_parked,
         w.balance_micros, w.reserved_micros,
         a.admitted < a.concurrency_limit and w.balance_micros > w.reserved_micros
         and (cast(:not_before as timestamptz) is null or cast(:not_before as timestamptz) <= now()) as has_room
  from admissions a join wallets w on w.project_id = a.project_id join projects p on p.id = a.project_id
  where a.project_id = :project_id for update of a
), taken as (
  update admissions a
  set admitted = a.admitted + cast(w.has_room as int), parked = a.parked + cast(not w.has_room as int),
      tail = case when w.has_room
             then greatest(a.tail, (select last_value from fair_clock)) + {admission.TICK} / a.weight else a.tail end
  from project w
  where a.project_id = w.project_id and w.balance_micros > 0 and (w.has_room or w.parked < w.most_parked)
  returning case when w.has_room then a.tail - {admission.TICK} / a.weight end as stamp
), job as (
  insert into jobs (id, project_id, skillpack_id, deployment_id, deployment_version, skill_name, type, model,
                    parent_job_id, replay_of, status, inputs, lane, priority, source, metadata, limits, cap_micros,
                    forgivable_micros, event_seq, prompt, submitted_by, api_key_id, request_id,
                    traceparent, created_at,
                    listing_id, listing, listing_version, publisher_id, price_micros, earning_micros)
  select :id, :project_id, :skillpack_id, cast(:deployment_id as uuid),
         cast(:deployment_version as int), :skill_name, :type, cast(:model as text),
         cast(:parent_job_id as uuid), cast(:replay_of as uuid), 'queued', cast(:inputs as json), :lane, :priority,
         :source, cast(:metadata as jsonb), cast(:limits as jsonb), :cap_micros, :forgivable_micros, 1,
         cast(:prompt as text), :submitted_by, cast(:api_key_id as uuid), :request_id, :traceparent,
         cast(:created_at as timestamptz),
         cast(:listing_id as uuid), :listing, cast(:listing_version as int), cast(:publisher_id as uuid),
         :price_micros, :earning_micros
  from taken
  returning id, project_id, lane, priority, created_at
), place as (
  insert into job_queue (job_id, project_id, lane, priority, stamp, not_before, submitted_at)
  select id, project_id, lane, priority, (select stamp from taken), cast(:not_before as timestamptz), created_at
  from job
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select id, 1, created_at, 'queued', cast(:event as jsonb) from job
)
select exists (select from taken) as is_accepted, w.has_room as is_ready, w.balance_micros, w.reserved_micros,
       case when not exists (select from taken) and w.balance_micros > 0 then w.parked end as parked, w.most_parked
from project w
""")  # noqa: S608 - the one interpolated value is a constant

_HAS_LANE = text("select :lane = any(lanes) from admissions where project_id = :project_id")

_SPENT_TODAY = text("""
select cast(
  coalesce((
    select sum(spent_micros + forgiven_micros) from daily_spending
    where project_id = :project_id and day = cast(now() at time zone 'UTC' as date) and api_key_id = :key_id
  ), 0) + coalesce((
    select sum(reserved_micros) from jobs
    where project_id = :project_id and status in ('running', 'waiting') and reserved_micros > 0
      and api_key_id = :key_id
  ), 0) as bigint
)
""")
"""Of a key, as budgets count it: added up by day already, and what runs is within the project's window."""


async def submit(session: AnySession, principal: Principal, spec: JobSpec) -> Submitted:
    """Put one run of a skill into the queue, with the version that is active now pinned to it.

    Raises:
        NotAllowed: the principal may not submit, or not this skill.
        Missing: there is no such skill, skillpack or version.
        Invalid: the inputs do not fit the skill, or a rail of it; carries every problem.
        PaymentRequired: the wallet is empty, or the key's cap or a budget is reached.
        TooManyQueuedJobs: as many as may wait do so.
    """
    with spans.span("submit", "producer", puras__job__id=str(spec.job_id)) as span:
        submitted = await _submit(session, principal, spec)
        span.note(puras__project__id=str(principal.project_id), puras__skill=_named(spec.request))
        return submitted


def _named(request: JobRequest) -> str:
    if request.listing_id is not None:
        return f"{skill_allowlist.LISTING}{request.listing_id}"
    return request.skill or INLINE


async def _submit(session: AnySession, principal: Principal, spec: JobSpec) -> Submitted:
    principal.require(Role.DEVELOPER, "jobs:submit")
    offer = await _offered(session, principal, spec)
    resolved = await _resolved(session, principal, spec) if offer is None else offer.resolved
    inputs, told = await rails.let_in(resolved.skill, checked_inputs(resolved.skill, spec.request))
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
    found = _Found(resolved, inputs, lane, offer)
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
    offers.check_request(offer, request, skillpack=spec.skillpack)
    return offer


async def _resolved(session: AnySession, principal: Principal, spec: JobSpec) -> ResolvedSkill:
    which: Any = {"skillpack": spec.skillpack, "version": spec.version, "deployment_id": spec.deployment_id}
    if spec.request.skill is None or spec.is_kernel:
        if principal.kind == "publishable_key" or principal.skill_allowlist:
            raise PromptNotOnKey(principal.skill_allowlist)
        name = NOTEBOOK if spec.is_kernel else INLINE
        return await resolve_prompt(session, principal, name=name, **which)
    resolved = await resolve_skill(session, principal, skill=spec.request.skill, **which)
    _check_key(principal, resolved)
    return resolved


def _check_key(principal: Principal, resolved: ResolvedSkill) -> None:
    pack, name = resolved.skillpack_slug, resolved.skill.name
    if not skill_allowlist.allows(principal.skill_allowlist, pack, name, is_default=resolved.is_default):
        raise SkillNotOnKey(f"{pack}/{name}", principal.skill_allowlist)


async def _check_lane(session: AnySession, principal: Principal, lane: str) -> None:
    values = {"project_id": principal.project_id, "lane": lane}
    if not (await session.execute(_HAS_LANE, values)).scalar_one():
        raise LaneNotGranted(lane)


async def _check_cap(session: AnySession, principal: Principal) -> None:
    if principal.daily_cap_micros is not None:
        values = {"project_id": principal.project_id, "key_id": principal.id}
        spent = (await session.execute(_SPENT_TODAY, values)).scalar_one()
        if spent >= principal.daily_cap_micros:
            raise KeyCapReached(spent, principal.daily_cap_micros)


class _Found(NamedTuple):
    """What the request comes to."""

    resolved: ResolvedSkill
    inputs: dict[str, Any]
    lane: str
    offer: Offer | None


async def _insert(session: AnySession, principal: Principal, spec: JobSpec, found: _Found) -> Submitted:
    resolved, inputs, lane, offer = found
    request, skill = spec.request, resolved.skill
    cap = spec.prices.cap_micros(skill, request.limits)
    if spec.is_kernel:  # it may live for hours, which would take the wallet from all other jobs
        cap = min(cap, spec.prices.job_cap_micros)
    if offer is not None:
        cap = await offers.cap_micros(session, principal, offer, request, spec.prices)
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
        "not_before": _later(request.run_at),
        "most_queued": spec.most_queued,
        "event": json.dumps({"skill": skill.name, "version": resolved.version, "source": request.source}),
        **(NO_LISTING if offer is None else offer.columns),
    }
    done = (await session.execute(_SUBMIT, row)).one()
    if done.parked is not None:
        raise TooManyQueuedJobs(done.parked, done.most_parked)
    if not done.is_accepted:
        raise WalletEmpty(done.balance_micros, done.reserved_micros)
    committed.note(session, JOBS_SUBMITTED.labels(lane))
    committed.note(session, EVENTS_APPENDED)
    if done.is_ready:
        queue.note(session, queue.Ticket(lane))
    return Submitted(spec.job_id, done.is_ready)


def _type_of(skill: Skill) -> str:
    if skill.name == NOTEBOOK:
        return "kernel"
    return "agentic" if skill.is_agentic else "deterministic"


def _key_of(principal: Principal) -> UUID | None:
    return principal.id if principal.kind.endswith("_key") else None


def _later(run_at: datetime | None) -> datetime | None:
    if run_at is None:
        return None
    if run_at.tzinfo is None:
        raise Invalid(
            "run_at has no time zone. Write it as 2026-01-31T09:00:00Z.",
            [Problem("run_at", "needs a time zone")],
        )
    return run_at if run_at > now() else None
