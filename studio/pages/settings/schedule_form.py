"""What is typed into the form of a schedule: what runs, and when; what it comes to is told as it is typed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import reflex as rx

from backend.core.clock import now
from backend.core.db.paging import Page
from backend.core.errors import Invalid, Missing
from backend.execution.schedules import calendar, service
from backend.execution.schedules.schemas import ScheduleCreate, UpcomingTimesRead
from backend.execution.schedules.tables import Schedule
from backend.marketplace import catalog
from backend.marketplace.catalog import ListingFilter
from backend.money.pricing import PriceList
from studio import session
from studio.formatting import sample_inputs, usd
from studio.forms import said
from studio.pages.settings import schedule_limits
from studio.session import Act
from studio.skillpacks import job_names
from studio.skills import active_skills

SHOWN: Final = 5
MAX_CHARACTERS: Final = 200
CATCH_UP_S: Final[int] = ScheduleCreate.model_fields["catch_up_s"].default
LISTING: Final = "listing:"
"""Before the slug of a listing, where a skill could be meant."""
_MAX_OFFERS: Final = 100


@dataclass
class Offer:
    """A listing of the marketplace to choose."""

    value: str
    label: str


class ScheduleForm(rx.State):
    """What is being typed into the form of a schedule."""

    id: str = ""
    """Of the schedule that is changed; empty: a new one."""
    name: str = ""
    skill: str = ""
    """What runs: the name of a skill, or `listing:` and the slug of one."""
    version: str = ""
    is_listing: bool = False
    most_price: str = ""
    """In dollars, of a run of the listing."""
    limits: dict[str, str] = schedule_limits.shown({})
    has_limits: bool = False
    inputs: str = "{}"
    cron: str = ""
    zone: str = "UTC"
    overlap: str = "skip"
    missed: str = "skip"
    catch_up: str = str(CATCH_UP_S)
    """Seconds after which a missed run is not made up for any more."""
    metadata: str = "{}"
    has_metadata: bool = False
    skills: list[str] = []
    offers: list[Offer] = []
    zones: list[str] = []
    coming: list[str] = []
    problem: str = ""
    """What is wrong with the expression or the zone."""
    rev: int = 0
    """Fields take what they show anew when this changes."""
    _samples: dict[str, str] = {}

    @rx.event
    async def begin(self):
        """An empty form, with the skills and the listings that can be run; the address may say which listing."""
        await self._begin()
        self.cron = "0 9 * * *"
        asked = self.router.url.query_parameters.get("listing", "")
        first = self.skills[0] if self.skills else self.offers[0].value if self.offers else ""
        await self._choose(LISTING + asked if asked else first)
        self._look()

    @rx.event
    async def edit(self, schedule_id: str):
        """The form of one that there is."""
        await self._begin()
        async with session.acting(self, self.project) as act:
            found = await service.get(act.session, act.principal, UUID(schedule_id))
            await self._take(act, found)
        self._look()

    @rx.event
    async def pick_skill(self, skill: str):
        """Propose inputs of the skill, or of the listing."""
        await self._choose(skill)
        self.rev += 1

    @rx.event
    def type_cron(self, cron: str):
        """Show when it would come."""
        self.cron = cron[:MAX_CHARACTERS]
        self._look()

    @rx.event
    def take(self, cron: str):
        """Take one of the proposals."""
        self.cron = cron
        self.rev += 1
        self._look()

    @rx.event
    def type_zone(self, zone: str):
        """Show when it would come there."""
        self.zone = zone[:MAX_CHARACTERS]
        self._look()

    @rx.event
    def pick_missed(self, missed: str):
        """Ask how late is too late, where missed runs are made up for."""
        self.missed = missed

    async def _begin(self) -> None:
        rev = self.rev
        self.reset()
        self.rev = rev + 1
        self.zones = sorted(calendar.zones())
        async with session.acting(self, self.project) as act:
            found = await active_skills(act)
            page = await catalog.list_some(act.session, act.principal, Page(_MAX_OFFERS), ListingFilter())
        self.offers = [
            Offer(LISTING + one.slug, f"{one.slug}, {_price(one.price_micros)}") for one in page.items
        ]
        self.skills = [skill.full_name for skill in found]
        self._samples = {
            skill.full_name: _pretty(
                sample_inputs(skill.input_schema, [one.inputs for one in skill.examples])
            )
            for skill in found
        }

    async def _choose(self, skill: str) -> None:
        self.skill, self.is_listing = skill, skill.startswith(LISTING)
        self.inputs, self.most_price = self._samples.get(skill, "{}"), ""
        if not self.is_listing:
            return
        try:
            async with session.acting(self, self.project) as act:
                self.inputs = await self._read_offer(act, skill.removeprefix(LISTING))
        except Missing as missing:
            self.problem = said(missing)

    async def _read_offer(self, act: Act, slug: str) -> str:
        """Inputs that fit a listing, which becomes one of the choices."""
        one = await catalog.get(act.session, act.principal, slug, PriceList.of(session.context().settings))
        if not any(offer.value == LISTING + slug for offer in self.offers):
            self.offers = [Offer(LISTING + slug, f"{slug}, {_price(one.price_micros)}"), *self.offers]
        return _pretty(
            sample_inputs(one.input_schema, [example.get("inputs", {}) for example in one.examples])
        )

    async def _take(self, act: Act, found: Schedule) -> None:
        self.id, self.name, self.is_listing = str(found.id), found.name, bool(found.listing)
        self.skill = found.listing or (await job_names(act.session, act.principal)).called(
            found.skill_name, found.skillpack_id
        )
        self.most_price = f"{found.most_price_micros / 1e6:g}" if found.listing else ""
        self.limits, self.has_limits = schedule_limits.shown(found.limits), bool(found.limits)
        self.version = "" if found.version is None else str(found.version)
        self.inputs = json.dumps(found.inputs, indent=2, ensure_ascii=False)
        self.metadata = json.dumps(found.job_metadata, indent=2, ensure_ascii=False)
        self.has_metadata = bool(found.job_metadata)
        self.cron, self.zone = found.cron, found.time_zone
        self.overlap, self.missed, self.catch_up = found.overlap, found.missed, str(found.catch_up_s)

    def _look(self) -> None:
        self.coming, self.problem = [], ""
        if not self.cron.strip() or not self.zone.strip():
            return
        try:
            clock = service.parse_clock(self.cron, self.zone)
        except Invalid as wrong:
            self.problem = said(wrong)
            return
        self.coming = [told(one.at, self.zone) for one in UpcomingTimesRead.first(clock, SHOWN, now())]
        if not self.coming:
            self.problem = "It names days that never come."


def told(at: datetime, zone: str) -> str:
    """`Wed 25 Nov 2026, 09:30 CET`."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M %Z}"


def _price(micros: int) -> str:
    return f"{usd(micros)} a run" if micros else "free"


def _pretty(inputs: str) -> str:
    return json.dumps(json.loads(inputs), indent=2, ensure_ascii=False)
