"""The project's schedules: when each comes next, and what its last moments came to."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from backend.core.errors import Conflict, Invalid, Missing, Problem, PurasError
from backend.execution.schedules import runs, service
from backend.execution.schedules.dispatcher import JobDefaults
from backend.execution.schedules.schemas import ScheduleCreate, ScheduleUpdate
from backend.execution.schedules.tables import Schedule
from backend.identity.auth.principal import Role
from backend.money.pricing import PriceList
from studio import session
from studio.components.elements import button, note, section, tag
from studio.components.live import Confirm
from studio.forms import micros, number, parsed, said, text
from studio.pages.settings import schedule_limits
from studio.pages.settings.from_code import none_yet
from studio.pages.settings.schedule_fields import form
from studio.pages.settings.schedule_form import CATCH_UP_S, LISTING, ScheduleForm, told
from studio.pages.settings.schedule_runs import ScheduleRuns, runs_of
from studio.shell import Shell
from studio.skillpacks import JobNames, job_names


@dataclass
class ScheduleRow:
    """What the list shows of a schedule."""

    id: str
    name: str
    skill: str
    cron: str
    zone: str
    next_at: str
    """As its clock shows it; empty while it is paused."""
    is_enabled: bool


class Schedules(rx.State):
    """The schedules of a project."""

    rows: list[ScheduleRow] = []
    is_making: bool = False
    problem: str = ""
    refused: str = ""
    """Why the job that was asked for was not submitted."""
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Read the schedules, and the runs of the one that the address names."""
        self.reset()
        await self._read()
        self.is_loaded = True
        if not self.router.url.query_parameters.get("listing"):
            return ScheduleRuns.load
        self.is_making = True
        return [ScheduleRuns.load, ScheduleForm.begin]

    @rx.event
    def begin(self):
        """Show the form for a new one."""
        self.is_making, self.problem = True, ""
        return ScheduleForm.begin

    @rx.event
    def edit(self, schedule_id: str):
        """Show the form of one that there is."""
        self.is_making, self.problem = True, ""
        return ScheduleForm.edit(schedule_id)

    @rx.event
    def cancel(self):
        """Change nothing."""
        self.is_making, self.problem = False, ""

    @rx.event
    async def save(self, typed: dict[str, Any]):
        """Make a schedule, or change one."""
        self.problem = ""
        schedule_id = (await self.get_state(ScheduleForm)).id
        try:
            body = _body(typed)
            async with session.acting(self, self.project, once=typed) as act:
                if schedule_id:
                    changes = parsed(ScheduleUpdate, body)
                    await service.update(act.session, act.principal, UUID(schedule_id), changes)
                else:
                    asked = parsed(ScheduleCreate, {**body, **_subject(text(typed, "skill"))})
                    await service.create(act.session, act.principal, asked)
        except (Conflict, Invalid, Missing) as refused:
            self.problem = said(refused)
            return None
        self.is_making = False
        await self._read()
        return ScheduleRuns.refresh

    @rx.event
    async def switch(self, schedule_id: str, is_on: bool):
        """Let it come again, or not any more."""
        async with session.acting(self, self.project) as act:
            changes = ScheduleUpdate(enabled=is_on)
            await service.update(act.session, act.principal, UUID(schedule_id), changes)
        await self._read()

    @rx.event
    async def run_now(self, schedule_id: str, key: str):
        """Submit its job at once, beside its moments."""
        self.refused = ""
        context = session.context()
        terms = JobDefaults(PriceList.of(context.settings), context.settings.max_queued_jobs)
        try:
            async with session.acting(self, self.project, once=key) as act:
                await runs.run_now(act.session, act.principal, UUID(schedule_id), terms)
        except (
            PurasError
        ) as refused:  # whatever a submit is refused with; who is signed out is told by the next act
            self.refused = said(refused)
            return None
        return ScheduleRuns.open(schedule_id)

    @rx.event
    async def delete(self, schedule_id: str):
        """Forget a schedule."""
        async with session.acting(self, self.project) as act:
            await service.delete(act.session, act.principal, UUID(schedule_id))
        await self._read()

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.VIEWER, "schedules:read")
            found = await service.list_all(act.session, act.principal)
            names = await job_names(act.session, act.principal)
        self.rows = [_row(one, names) for one in found]


def _body(typed: dict[str, Any]) -> dict[str, Any]:
    body = {
        "name": text(typed, "name"),
        "cron": text(typed, "cron"),
        "time_zone": text(typed, "time_zone"),
        "inputs": _object(typed, "inputs"),
        "metadata": _object(typed, "metadata"),
        "overlap": text(typed, "overlap"),
        "missed": text(typed, "missed"),
        "version": number(typed, "version"),
        "limits": schedule_limits.asked(typed),
    }
    if body["missed"] == "run_once":  # the field is there then
        body["catch_up_s"] = number(typed, "catch_up_s") or CATCH_UP_S
    price = micros(typed, "most_price")
    return body if price is None else body | {"most_price_micros": price}


def _subject(chosen: str) -> dict[str, str]:
    """The skill, or the listing, that was chosen."""
    if chosen.startswith(LISTING):
        return {"listing_id": chosen.removeprefix(LISTING)}
    return {"skill": chosen}


def _object(typed: dict[str, Any], field: str) -> Any:
    try:
        return json.loads(text(typed, field) or "{}")
    except (ValueError, RecursionError) as error:
        wrong = Problem(field, f"This is not JSON: {error}.")
        raise Invalid(wrong.message, [wrong]) from None


def _row(schedule: Schedule, names: JobNames) -> ScheduleRow:
    version = "" if schedule.version is None else f" v{schedule.version}"
    return ScheduleRow(
        id=str(schedule.id),
        name=schedule.name,
        skill=(schedule.listing or names.called(schedule.skill_name, schedule.skillpack_id)) + version,
        cron=schedule.cron,
        zone=schedule.time_zone,
        next_at=told(schedule.next_at, schedule.time_zone) if schedule.next_at else "",
        is_enabled=schedule.enabled,
    )


def pane() -> rx.Component:
    """The schedules, each with its runs, and the form."""
    new = button(
        "New schedule", icon="plus", kind="pri", on_click=Schedules.begin, disabled=Schedules.is_making
    )
    title = rx.cond(ScheduleForm.id != "", "Change the schedule", "New schedule")
    return rx.cond(
        Schedules.is_loaded,
        rx.fragment(
            rx.cond(Schedules.refused != "", note(Schedules.refused, state="fail")),
            rx.cond(
                Schedules.is_making,
                section(title, form(Schedules.save, Schedules.cancel, Schedules.problem)),
            ),
            section(
                "Schedules",
                rx.cond(
                    Schedules.rows.length() > 0,
                    rx.el.ul(
                        rx.foreach(Schedules.rows, _schedule), class_name="entries", aria_label="Schedules"
                    ),
                    _none(),
                ),
                actions=[rx.cond(Shell.can_write, new)],
            ),
        ),
        rx.el.p("Loading…", class_name="skeleton"),
    )


def _none() -> rx.Component:
    return none_yet(
        "No schedules yet. One submits a job by the clock of a place: a report each morning, a check each hour. Each "
        "moment makes one job, however many workers there are, and what it came to stays on record.",
    )


def _schedule(row: rx.Var[ScheduleRow]) -> rx.Component:
    is_open = ScheduleRuns.schedule_id == row.id
    return rx.el.li(
        rx.el.div(
            rx.el.span(row.name, class_name="strong cut"),
            rx.cond(row.is_enabled, tag("on", state="ok"), tag("paused")),
            rx.el.span(class_name="grow"),
            rx.cond(
                is_open,
                button("Hide the runs", kind="small", on_click=ScheduleRuns.close, aria_expanded="true"),
                button("Runs", kind="small", on_click=ScheduleRuns.open(row.id), aria_expanded="false"),
            ),
            rx.cond(Shell.can_write, _acts(row)),
            class_name="row wrap",
        ),
        rx.el.p(
            "runs ",
            rx.el.span(row.skill, class_name="mono"),
            " at ",
            rx.el.span(row.cron, class_name="mono"),
            " by the clock of ",
            row.zone,
            class_name="t2",
        ),
        rx.cond(
            is_open,
            runs_of(),
            rx.cond(row.next_at != "", rx.el.p("next ", row.next_at, class_name="t3")),
        ),
        key=row.id,
    )


def _acts(row: rx.Var[ScheduleRow]) -> rx.Component:
    return rx.fragment(
        Confirm.create(
            label="Run now",
            kind="small",
            title="Run " + row.name + " now?",
            text="Its job is submitted at once and costs what it costs; the next moments stay.",
            confirm="Run it",
            on_confirm=lambda key: Schedules.run_now(row.id, key),
        ),
        button("Change", kind="small", on_click=Schedules.edit(row.id)),
        rx.cond(
            row.is_enabled,
            button("Pause", kind="small", on_click=Schedules.switch(row.id, False)),
            button("Resume", kind="small", on_click=Schedules.switch(row.id, True)),
        ),
        Confirm.create(
            label="Delete",
            kind="small danger",
            title="Delete " + row.name + "?",
            text="It does not come any more. Jobs that it has submitted go on.",
            confirm="Delete it",
            on_confirm=Schedules.delete(row.id),
        ),
    )
