"""What a schedule runs: a skill of its project, or a listing of the marketplace at no more than an agreed price."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from backend.core.db.engine import AnySession
from backend.execution.jobs import input_access
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec
from backend.execution.jobs.validation import check_limits, checked_inputs
from backend.execution.schedules.errors import PriceIncreased
from backend.execution.schedules.schemas import ScheduleCreate
from backend.execution.schedules.tables import Schedule
from backend.identity.auth import key_authentication
from backend.identity.auth.principal import Principal, Role
from backend.marketplace import offers
from backend.money.pricing import PriceList
from backend.skills.deployments.active import resolve_skill
from backend.skills.job_limits import JobLimits
from backend.skills.manifest.types import Skill


class Subject(NamedTuple):
    """What is run, as it stands now."""

    skill: Skill
    skillpack_id: UUID | None
    """None: it is a listing's."""
    listing: str = ""
    price_micros: int = 0


async def asked_for(session: AnySession, principal: Principal, asked: ScheduleCreate) -> Subject:
    """What a new schedule names.

    Raises:
        Missing: there is no such skill, version or listing.
        BadListingJob: it says something that the listing's publisher decides about.
    """
    if asked.listing_id is not None:
        return await _offered(
            session, principal, asked.listing_id, version=asked.version, skillpack=asked.skillpack
        )
    assert asked.skill is not None, "a schedule names a skill or a listing"  # noqa: S101 - the schema holds it
    return await _own(session, principal, asked.skill, skillpack=asked.skillpack, version=asked.version)


async def of(session: AnySession, principal: Principal, schedule: Schedule) -> Subject:
    """What the schedule would run now.

    Raises:
        Missing: there is no such skill, version or listing any more.
    """
    if schedule.listing:
        return await _offered(session, principal, schedule.listing, version=schedule.version)
    pack = str(schedule.skillpack_id)
    return await _own(session, principal, schedule.skill_name, skillpack=pack, version=schedule.version)


def request(schedule: Schedule, **metadata: str) -> JobCreate:
    """What it submits."""
    return JobCreate(
        skill=None if schedule.listing else schedule.skill_name,
        listing_id=schedule.listing or None,
        inputs=schedule.inputs,
        source="schedule",
        limits=JobLimits.model_validate(schedule.limits),
        metadata={**schedule.job_metadata, **metadata},
    )


async def spec(
    session: AnySession,
    principal: Principal,
    schedule: Schedule,
    metadata: dict[str, str],
    *,
    prices: PriceList,
    most_queued: int,
) -> JobSpec:
    """The job that it submits now.

    Raises:
        PriceIncreased: a run of its listing costs more than was agreed.
        Missing: there is no such listing any more.
    """
    if schedule.listing:
        subject = await of(session, principal, schedule)
        if subject.price_micros > schedule.most_price_micros:
            raise PriceIncreased(schedule.listing, subject.price_micros, schedule.most_price_micros)
    return JobSpec(
        request(schedule, **metadata),
        skillpack=None if schedule.listing else str(schedule.skillpack_id),
        version=schedule.version,
        has_stored_limits=True,
        started_by_agent=schedule.started_by_agent,
        reader=await _reader(session, schedule),
        prices=prices,
        most_queued=most_queued,
    )


async def _reader(session: AnySession, schedule: Schedule) -> Principal | None:
    """Return the key whose files the inputs may name, with its scopes as they are now; None: they may name any."""
    key_id = schedule.input_key_id
    if key_id is None:
        return None
    found = await key_authentication.find_principal(session, key_id=key_id, project_id=schedule.project_id)
    return found or Principal(
        "secret_key", key_id, schedule.project_id, "key:revoked", Role.VIEWER, scopes=frozenset()
    )


async def check_inputs(
    session: AnySession, principal: Principal, schedule: Schedule, *, are_new: bool = True
) -> None:
    """Reject what would be rejected when a run is due, and note whose files new inputs may name.

    Args:
        session: Reads what the schedule runs.
        principal: Who creates or changes the schedule.
        schedule: As it is to be stored.
        are_new: Whether the inputs are, or the version that decides which of them name files.

    Raises:
        FileNotAllowed: new inputs name a file that the principal may not read.
        Invalid: the inputs do not fit the skill; carries every problem.
        LimitAboveCeiling: its limits are above what the skill gives its jobs.
        Missing: there is no such skill, version or listing.
    """
    subject, asked = await of(session, principal, schedule), request(schedule)
    inputs = checked_inputs(subject.skill, asked)
    if are_new:
        await input_access.check(
            session, principal, subject.skill, inputs, trusts_defaults=not schedule.listing
        )
        # The scopes of a key can change, so even one that may read all is checked again at each run.
        schedule.input_key_id = principal.id if principal.kind in ("secret_key", "publishable_key") else None
    check_limits(subject.skill, asked.limits, price_micros=subject.price_micros)


async def _own(
    session: AnySession, principal: Principal, skill: str, *, skillpack: str | None, version: int | None
) -> Subject:
    found = await resolve_skill(session, principal, skill=skill, skillpack=skillpack, version=version)
    return Subject(found.skill, found.skillpack_id)


async def _offered(
    session: AnySession,
    principal: Principal,
    listing: str,
    *,
    version: int | None,
    skillpack: str | None = None,
) -> Subject:
    offer = await offers.find(session, principal, listing, version=version, prices=PriceList())
    offers.check_request(offer, skillpack=skillpack, model=None, lane=None)
    return Subject(offer.resolved.skill, None, offer.slug, offer.price_micros)
