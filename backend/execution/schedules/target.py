"""Resolve what a schedule runs: a skill of its project, or a marketplace listing up to an agreed price."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from backend.core.db.engine import AnySession
from backend.execution.jobs.access import inputs as input_access
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec
from backend.execution.jobs.validation import check_limits, checked_inputs
from backend.execution.schedules.errors import PriceIncreased
from backend.execution.schedules.schemas import ScheduleCreate
from backend.execution.schedules.tables import Schedule
from backend.identity.auth import key_authentication
from backend.identity.auth.principal import Principal, Role
from backend.identity.environments import Environment
from backend.marketplace import offers
from backend.money.pricing import PriceList
from backend.skills.deployments.active import resolve_skill
from backend.skills.job_limits import JobLimits
from backend.skills.manifest.types import Skill


class Target(NamedTuple):
    """The skill that a schedule runs now."""

    skill: Skill
    skillpack_id: UUID | None
    """None: the skill is that of a listing."""
    listing: str = ""
    price_micros: int = 0


async def requested(
    session: AnySession, principal: Principal, body: ScheduleCreate, environment: Environment
) -> Target:
    """Return the target of a new schedule.

    Raises:
        Missing: The skill, the version or the listing does not exist.
        BadListingJob: The request sets something that the publisher of the listing decides.
    """
    if body.listing_id is not None:
        return await _listing_target(
            session, principal, body.listing_id, version=body.version, skillpack=body.skillpack
        )
    assert body.skill is not None, "a schedule names a skill or a listing"  # noqa: S101 - the schema holds it
    return await _skill_target(
        session,
        principal,
        body.skill,
        skillpack=body.skillpack,
        version=body.version,
        environment=environment,
    )


async def current(session: AnySession, principal: Principal, schedule: Schedule) -> Target:
    """Return what the schedule would run now.

    Raises:
        Missing: The skill, the version or the listing does not exist any more.
    """
    if schedule.listing:
        return await _listing_target(session, principal, schedule.listing, version=schedule.version)
    pack = str(schedule.skillpack_id)
    return await _skill_target(
        session,
        principal,
        schedule.skill_name,
        skillpack=pack,
        version=schedule.version,
        environment=schedule.environment,
    )


def job_request(schedule: Schedule, **metadata: str) -> JobCreate:
    """Return the request for a job of the schedule."""
    return JobCreate(
        skill=None if schedule.listing else schedule.skill_name,
        listing_id=schedule.listing or None,
        inputs=schedule.inputs,
        source="schedule",
        limits=JobLimits.model_validate(schedule.limits),
        metadata={**schedule.job_metadata, **metadata},
    )


async def job_spec(
    session: AnySession,
    principal: Principal,
    schedule: Schedule,
    metadata: dict[str, str],
    *,
    prices: PriceList,
    max_queued: int,
) -> JobSpec:
    """Return the specification of the job that the schedule submits now.

    Raises:
        PriceIncreased: A run of the listing costs more than was agreed.
        Missing: The listing does not exist any more.
    """
    if schedule.listing:
        target_now = await current(session, principal, schedule)
        if target_now.price_micros > schedule.max_price_micros:
            raise PriceIncreased(schedule.listing, target_now.price_micros, schedule.max_price_micros)
    return JobSpec(
        job_request(schedule, **metadata),
        skillpack=None if schedule.listing else str(schedule.skillpack_id),
        version=schedule.version,
        environment=schedule.environment,
        has_stored_limits=True,
        started_by_agent=schedule.started_by_agent,
        reader=await _reader(session, schedule),
        prices=prices,
        max_queued=max_queued,
    )


async def _reader(session: AnySession, schedule: Schedule) -> Principal | None:
    """Return the API key whose files the inputs may name, with its current scopes; None: they may name any file."""
    key_id = schedule.input_key_id
    if key_id is None:
        return None
    resolved = await key_authentication.find_principal(session, key_id=key_id, project_id=schedule.project_id)
    return resolved or Principal(
        "secret_key", key_id, schedule.project_id, "key:revoked", Role.VIEWER, scopes=frozenset()
    )


async def check_inputs(
    session: AnySession, principal: Principal, schedule: Schedule, *, are_new: bool = True
) -> None:
    """Reject what a run would reject, and record the key whose files new inputs may name.

    Args:
        session: Reads what the schedule runs.
        principal: The principal that creates or changes the schedule.
        schedule: The schedule as it will be stored.
        are_new: Whether the inputs are new, or the version, which decides which of them name files.

    Raises:
        FileNotAllowed: New inputs name a file that the principal may not read.
        Invalid: The inputs are not valid for the skill; contains all problems.
        LimitAboveCeiling: A limit is above that of the skill.
        Missing: The skill, the version or the listing does not exist.
    """
    target_now, body = await current(session, principal, schedule), job_request(schedule)
    inputs = checked_inputs(target_now.skill, body)
    if are_new:
        await input_access.check(
            session, principal, target_now.skill, inputs, trusts_defaults=not schedule.listing
        )
        # The scopes of a key can change, so each run checks again even a key that may read all files.
        schedule.input_key_id = principal.id if principal.kind in ("secret_key", "publishable_key") else None
    check_limits(target_now.skill, body.limits, price_micros=target_now.price_micros)


async def _skill_target(
    session: AnySession,
    principal: Principal,
    skill: str,
    *,
    skillpack: str | None,
    version: int | None,
    environment: Environment,
) -> Target:
    resolved = await resolve_skill(
        session, principal, skill=skill, skillpack=skillpack, version=version, environment=environment
    )
    return Target(resolved.skill, resolved.skillpack_id)


async def _listing_target(
    session: AnySession,
    principal: Principal,
    listing: str,
    *,
    version: int | None,
    skillpack: str | None = None,
) -> Target:
    offer = await offers.find(session, principal, listing, version=version, prices=PriceList())
    offers.check_request(offer, skillpack=skillpack, model=None, lane=None)
    return Target(offer.resolved.skill, None, offer.slug, offer.price_micros)
