"""The state of the form of a schedule, with the next runs of the cron expression while the user types it."""

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
"""The prefix of the slug of a listing, which distinguishes it from the name of a skill."""
_MAX_OFFERS: Final = 100


@dataclass
class Offer:
    """A listing of the marketplace that can be selected."""

    value: str
    label: str


class ScheduleForm(rx.State):
    """The content of the form of a schedule."""

    id: str = ""
    """The ID of the schedule; empty for a new one."""
    name: str = ""
    skill: str = ""
    """The full name of a skill, or `listing:` and the slug of a listing."""
    version: str = ""
    is_listing: bool = False
    max_price: str = ""
    """The maximum price of a run of the listing in US dollars."""
    limits: dict[str, str] = schedule_limits.shown({})
    has_limits: bool = False
    inputs: str = "{}"
    cron: str = ""
    zone: str = "UTC"
    overlap: str = "skip"
    missed: str = "skip"
    catch_up: str = str(CATCH_UP_S)
    """Seconds after which a missed run is skipped."""
    metadata: str = "{}"
    has_metadata: bool = False
    skills: list[str] = []
    offers: list[Offer] = []
    zones: list[str] = []
    coming: list[str] = []
    problem: str = ""
    """The error in the cron expression or the time zone."""
    rev: int = 0
    """A change of this number resets the fields to the values of the state."""
    _samples: dict[str, str] = {}

    @rx.event
    async def begin(self) -> None:
        """Show an empty form; the URL can select a listing."""
        await self._begin()
        self.cron = "0 9 * * *"
        requested = self.router.url.query_parameters.get("listing", "")
        first = self.skills[0] if self.skills else self.offers[0].value if self.offers else ""
        await self._choose(LISTING + requested if requested else first)
        self._preview()

    @rx.event
    async def edit(self, schedule_id: str) -> None:
        """Show the form of an existing schedule."""
        await self._begin()
        async with session.acting(self, self.project) as act:
            found = await service.get(act.session, act.principal, UUID(schedule_id))
            await self._fill(act, found)
        self._preview()

    @rx.event
    async def pick_skill(self, skill: str) -> None:
        """Select a skill or a listing, and fill in sample inputs."""
        await self._choose(skill)
        self.rev += 1

    @rx.event
    def type_cron(self, cron: str) -> None:
        """Show the next runs of the expression."""
        self.cron = cron[:MAX_CHARACTERS]
        self._preview()

    @rx.event
    def pick_preset(self, cron: str) -> None:
        """Set the expression of a preset."""
        self.cron = cron
        self.rev += 1
        self._preview()

    @rx.event
    def type_zone(self, zone: str) -> None:
        """Show the next runs in the time zone."""
        self.zone = zone[:MAX_CHARACTERS]
        self._preview()

    @rx.event
    def pick_missed(self, missed: str) -> None:
        """Select the handling of missed runs; the form shows the maximum delay if they run."""
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
        self.inputs, self.max_price = self._samples.get(skill, "{}"), ""
        if not self.is_listing:
            return
        try:
            async with session.acting(self, self.project) as act:
                self.inputs = await self._read_offer(act, skill.removeprefix(LISTING))
        except Missing as missing:
            self.problem = said(missing)

    async def _read_offer(self, act: Act, slug: str) -> str:
        """Return sample inputs of a listing, and add it to the options."""
        one = await catalog.get(act.session, act.principal, slug, PriceList.of(session.context().settings))
        if not any(offer.value == LISTING + slug for offer in self.offers):
            self.offers = [Offer(LISTING + slug, f"{slug}, {_price(one.price_micros)}"), *self.offers]
        return _pretty(
            sample_inputs(one.input_schema, [example.get("inputs", {}) for example in one.examples])
        )

    async def _fill(self, act: Act, found: Schedule) -> None:
        self.id, self.name, self.is_listing = str(found.id), found.name, bool(found.listing)
        self.skill = found.listing or (await job_names(act.session, act.principal)).called(
            found.skill_name, found.skillpack_id
        )
        self.max_price = f"{found.max_price_micros / 1e6:g}" if found.listing else ""
        self.limits, self.has_limits = schedule_limits.shown(found.limits), bool(found.limits)
        self.version = "" if found.version is None else str(found.version)
        self.inputs = json.dumps(found.inputs, indent=2, ensure_ascii=False)
        self.metadata = json.dumps(found.job_metadata, indent=2, ensure_ascii=False)
        self.has_metadata = bool(found.job_metadata)
        self.cron, self.zone = found.cron, found.time_zone
        self.overlap, self.missed, self.catch_up = found.overlap, found.missed, str(found.catch_up_s)

    def _preview(self) -> None:
        self.coming, self.problem = [], ""
        if not self.cron.strip() or not self.zone.strip():
            return
        try:
            clock = service.parse_clock(self.cron, self.zone)
        except Invalid as wrong:
            self.problem = said(wrong)
            return
        self.coming = [local_time(one.at, self.zone) for one in UpcomingTimesRead.first(clock, SHOWN, now())]
        if not self.coming:
            self.problem = "No date matches this expression."


def local_time(at: datetime, zone: str) -> str:
    """Return a time in a time zone, such as `Wed 25 Nov 2026, 09:30 CET`."""
    local = at.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M %Z}"


def _price(micros: int) -> str:
    return f"{usd(micros)} per run" if micros else "free"


def _pretty(inputs: str) -> str:
    return json.dumps(json.loads(inputs), indent=2, ensure_ascii=False)
