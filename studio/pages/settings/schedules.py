"""The schedules of the project, with their next and last runs."""

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
from backend.identity.environments import PRODUCTION
from backend.money.pricing import PriceList
from studio import session
from studio.components.elements import button, note, section, tag
from studio.components.live import Confirm
from studio.forms import micros, number, parsed, said, text
from studio.pages.read_on_load import ReadOnLoad
from studio.pages.settings import schedule_limits
from studio.pages.settings.from_code import none_yet
from studio.pages.settings.schedule_fields import form
from studio.pages.settings.schedule_form import CATCH_UP_S, LISTING, ScheduleForm, local_time
from studio.pages.settings.schedule_runs import ScheduleRuns, runs_of
from studio.shell import Shell
from studio.skillpacks import JobNames, job_names
from studio.typing_of_reflex import Handled, as_var


@dataclass
class ScheduleRow:
    """The data of a schedule in the list."""

    id: str
    name: str
    skill: str
    environment: str
    """Empty for production."""
    cron: str
    zone: str
    next_at: str
    """The time of the next run in the time zone of the schedule; empty while it is paused."""
    is_enabled: bool


class Schedules(ReadOnLoad, rx.State):
    """The schedules of a project."""

    rows: list[ScheduleRow] = []
    is_making: bool = False
    problem: str = ""
    refused: str = ""
    """The reason why a job that the user requested was not submitted."""

    @rx.event
    def begin(self) -> Handled:
        """Show the form for a new schedule."""
        self.is_making, self.problem = True, ""
        return ScheduleForm.begin

    @rx.event
    def edit(self, schedule_id: str) -> Handled:
        """Show the form of an existing schedule."""
        self.is_making, self.problem = True, ""
        return ScheduleForm.edit(schedule_id)

    @rx.event
    def cancel(self) -> None:
        """Close the form."""
        self.is_making, self.problem = False, ""

    @rx.event
    async def save(self, typed: dict[str, Any]) -> Handled:
        """Create or change a schedule."""
        self.problem = ""
        schedule_id = (await self.get_state(ScheduleForm)).id
        try:
            body = _body(typed)
            async with session.acting(self, self.project, once=typed) as act:
                if schedule_id:
                    changes = parsed(ScheduleUpdate, body)
                    await service.update(act.session, act.principal, UUID(schedule_id), changes)
                else:
                    subject = _subject(text(typed, "skill"))
                    environment = text(typed, "environment") or None
                    create = parsed(ScheduleCreate, {**body, **subject, "environment": environment})
                    await service.create(act.session, act.principal, create)
        except (Conflict, Invalid, Missing) as refused:
            self.problem = said(refused)
            return None
        self.is_making = False
        await self._read()
        return ScheduleRuns.refresh

    @rx.event
    async def switch(self, schedule_id: str, is_on: bool) -> None:
        """Resume or pause a schedule."""
        async with session.acting(self, self.project) as act:
            changes = ScheduleUpdate(enabled=is_on)
            await service.update(act.session, act.principal, UUID(schedule_id), changes)
        await self._read()

    @rx.event
    async def run_now(self, schedule_id: str, key: str) -> Handled:
        """Submit the job of a schedule immediately, in addition to its scheduled runs."""
        self.refused = ""
        context = session.context()
        defaults = JobDefaults(PriceList.of(context.settings), context.settings.max_queued_jobs)
        try:
            async with session.acting(self, self.project, once=key) as act:
                await runs.run_now(act.session, act.principal, UUID(schedule_id), defaults)
        # Any error of a submission; after the end of the session, the next action goes to the sign-in form.
        except PurasError as refused:
            self.refused = said(refused)
            return None
        return ScheduleRuns.open(schedule_id)

    @rx.event
    async def delete(self, schedule_id: str) -> None:
        """Delete a schedule."""
        async with session.acting(self, self.project) as act:
            await service.delete(act.session, act.principal, UUID(schedule_id))
        await self._read()

    def _following(self) -> Any:
        """Load the runs of the schedule in the URL, and show the form if the URL names a listing."""
        if not self.router.url.query_parameters.get("listing"):
            return ScheduleRuns.load
        self.is_making = True
        return [ScheduleRuns.load, ScheduleForm.begin]

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
        "limits": schedule_limits.parse(typed),
    }
    if body["missed"] == "run_once":  # The form has the field only in this case.
        body["catch_up_s"] = number(typed, "catch_up_s") or CATCH_UP_S
    price = micros(typed, "max_price")
    return body if price is None else body | {"max_price_micros": price}


def _subject(chosen: str) -> dict[str, str]:
    """Return the selected skill or listing as part of a request body."""
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
        environment="" if schedule.environment == PRODUCTION else schedule.environment,
        cron=schedule.cron,
        zone=schedule.time_zone,
        next_at=local_time(schedule.next_at, schedule.time_zone) if schedule.next_at else "",
        is_enabled=schedule.enabled,
    )


def pane() -> rx.Component:
    """Render the schedules with their runs, and the form."""
    new = button(
        "New schedule", icon="plus", kind="pri", on_click=Schedules.begin, disabled=Schedules.is_making
    )
    title = rx.cond(ScheduleForm.id != "", "Edit schedule", "New schedule")
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
                    as_var(Schedules.rows).length() > 0,
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
        "No schedules yet. A schedule submits jobs at the times of a cron expression in a time zone, for example a "
        "report every morning or a check every hour. Each scheduled time submits one job, regardless of the number "
        "of workers, and its outcome is recorded.",
    )


def _schedule(row: rx.Var[ScheduleRow]) -> rx.Component:
    is_open = ScheduleRuns.schedule_id == row.id
    return rx.el.li(
        rx.el.div(
            rx.el.span(row.name, class_name="strong cut"),
            rx.cond(row.is_enabled, tag("enabled", state="ok"), tag("paused")),
            rx.el.span(class_name="grow"),
            rx.cond(
                is_open,
                button("Hide runs", kind="small", on_click=ScheduleRuns.close, aria_expanded="true"),
                button("Show runs", kind="small", on_click=ScheduleRuns.open(row.id), aria_expanded="false"),
            ),
            rx.cond(Shell.can_write, _acts(row)),
            class_name="row wrap",
        ),
        rx.el.p(
            "Runs ",
            rx.el.span(row.skill, class_name="mono"),
            rx.cond(row.environment != "", rx.fragment(" in ", row.environment)),
            " at ",
            rx.el.span(row.cron, class_name="mono"),
            " in time zone ",
            row.zone,
            class_name="t2",
        ),
        rx.cond(
            is_open,
            runs_of(),
            rx.cond(row.next_at != "", rx.el.p("Next run: ", row.next_at, class_name="t3")),
        ),
        key=row.id,
    )


def _acts(row: rx.Var[ScheduleRow]) -> rx.Component:
    return rx.fragment(
        Confirm.create(
            label="Run now",
            kind="small",
            title="Run " + row.name + " now?",
            text="A job is submitted and charged immediately. The scheduled runs do not change.",
            confirm="Submit job",
            on_confirm=lambda key: Schedules.run_now(row.id, key),
        ),
        button("Edit", kind="small", on_click=Schedules.edit(row.id)),
        rx.cond(
            row.is_enabled,
            button("Pause", kind="small", on_click=Schedules.switch(row.id, False)),
            button("Resume", kind="small", on_click=Schedules.switch(row.id, True)),
        ),
        Confirm.create(
            label="Delete",
            kind="small danger",
            title="Delete " + row.name + "?",
            text="The schedule submits no more jobs. Jobs that it has already submitted continue.",
            confirm="Delete schedule",
            on_confirm=Schedules.delete(row.id),
        ),
    )
