"""The form of a schedule, which shows the next runs while the user types the cron expression."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from studio import environments
from studio.components.elements import field, form_end, note
from studio.pages.settings import schedule_limits
from studio.pages.settings.schedule_form import CATCH_UP_S, MAX_CHARACTERS, ScheduleForm
from studio.typing_of_reflex import as_var

_PRESETS: Final = (
    ("Every hour", "0 * * * *"),
    ("Every day at 9:00", "0 9 * * *"),
    ("Weekdays at 9:30", "30 9 * * mon-fri"),
    ("Mondays at 8:00", "0 8 * * mon"),
    ("First of the month", "0 6 1 * *"),
)
_OVERLAPS: Final = {
    "skip": "Skip this run",
    "queue": "Queue the next job",
    "cancel_previous": "Cancel the previous job",
    "allow": "Run both",
}
_MISSED: Final = {"skip": "Skip them", "run_once": "Run once for all of them"}


def form(on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Render the form with the skill, the times, the inputs, and the handling of overlapping and missed runs."""
    is_new = ScheduleForm.id == ""
    return rx.el.form(
        field(
            "Name",
            "name",
            rx.el.input,
            default_value=ScheduleForm.name,
            max_length=100,
            required=True,
            placeholder="Morning report",
            auto_complete="off",
            auto_focus=True,
        ),
        rx.cond(
            is_new,
            _subject(),
            rx.el.p("Runs ", rx.el.span(ScheduleForm.skill, class_name="mono strong"), ".", class_name="t2"),
        ),
        rx.cond(is_new & ~ScheduleForm.is_listing, _environment()),
        rx.cond(ScheduleForm.is_listing, _max_price()),
        _when(),
        field(
            "Inputs (JSON)",
            "inputs",
            rx.el.textarea,
            class_name="in code",
            default_value=ScheduleForm.inputs,
            rows=6,
            spell_check=False,
            auto_complete="off",
            key="inputs" + as_var(ScheduleForm.rev).to_string(),
        ),
        _conflicts(),
        schedule_limits.fields(ScheduleForm.limits, ScheduleForm.has_limits),
        _metadata(),
        *form_end(problem, rx.cond(is_new, "Create schedule", "Save"), on_cancel),
        on_submit=on_submit,
        key=ScheduleForm.id,
        class_name="form",
    )


def _subject() -> rx.Component:
    """Return the selection of a skill of the project or a listing of the marketplace."""
    return field(
        "Skill",
        "skill",
        rx.el.select,
        rx.cond(
            as_var(ScheduleForm.skills).length() > 0,
            rx.el.optgroup(
                rx.foreach(ScheduleForm.skills, lambda name: rx.el.option(name, value=name)),
                label="Skills of this project",
            ),
        ),
        rx.cond(
            as_var(ScheduleForm.offers).length() > 0,
            rx.el.optgroup(
                rx.foreach(ScheduleForm.offers, lambda one: rx.el.option(one.label, value=one.value)),
                label="Listings of the marketplace",
            ),
        ),
        value=ScheduleForm.skill,
        on_change=ScheduleForm.pick_skill,
        required=True,
    )


def _environment() -> rx.Component:
    return field(
        "Environment",
        "environment",
        rx.el.select,
        *environments.options(),
        hint="The jobs run the active version of this environment with its secrets.",
    )


def _max_price() -> rx.Component:
    return field(
        "Maximum price per run (USD)",
        "max_price",
        rx.el.input,
        hint="The project pays the price of the listing in addition to the usage. A run is rejected if the price has "
        "risen above this maximum.",
        type="number",
        min=0,
        step="any",
        default_value=ScheduleForm.max_price,
        placeholder="Current price",
        key="price" + as_var(ScheduleForm.rev).to_string(),
    )


def _when() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            field(
                "Cron expression",
                "cron",
                rx.el.input,
                hint="Minute, hour, day, month and weekday, or a shortcut such as @daily.",
                class_name="in mono",
                default_value=ScheduleForm.cron,
                max_length=MAX_CHARACTERS,
                required=True,
                on_change=ScheduleForm.type_cron.debounce(250),
                auto_complete="off",
                spell_check=False,
                key="cron" + as_var(ScheduleForm.rev).to_string(),
            ),
            field(
                "Time zone",
                "time_zone",
                rx.el.input,
                hint="For example Europe/Berlin.",
                default_value=ScheduleForm.zone,
                required=True,
                list="zones",
                on_change=ScheduleForm.type_zone.debounce(250),
                auto_complete="off",
                key="zone" + ScheduleForm.id,
            ),
            rx.el.datalist(rx.foreach(ScheduleForm.zones, lambda zone: rx.el.option(value=zone)), id="zones"),
            class_name="three",
        ),
        rx.el.div(
            *[
                rx.el.button(label, type="button", class_name="chip", on_click=ScheduleForm.pick_preset(cron))
                for label, cron in _PRESETS
            ],
            class_name="row wrap",
        ),
        rx.el.div(
            rx.cond(
                ScheduleForm.problem != "",
                note(ScheduleForm.problem, state="fail"),
                rx.el.div(
                    rx.el.span("Next runs", class_name="cap"),
                    rx.el.ol(
                        rx.foreach(ScheduleForm.coming, lambda at: rx.el.li(at, class_name="num")),
                        class_name="moments",
                        aria_label="Next runs",
                    ),
                ),
            ),
            aria_live="polite",
        ),
    )


def _conflicts() -> rx.Component:
    return rx.el.div(
        field(
            "If the previous job is still running",
            "overlap",
            rx.el.select,
            *[rx.el.option(label, value=value) for value, label in _OVERLAPS.items()],
            default_value=ScheduleForm.overlap,
        ),
        field(
            "Missed runs",
            "missed",
            rx.el.select,
            *[rx.el.option(label, value=value) for value, label in _MISSED.items()],
            value=ScheduleForm.missed,
            on_change=ScheduleForm.pick_missed,
        ),
        rx.cond(
            ScheduleForm.missed == "run_once",
            field(
                "Maximum delay (seconds)",
                "catch_up_s",
                rx.el.input,
                hint="86400 seconds are one day. Runs that were missed longer ago are skipped.",
                type="number",
                min=0,
                step=1,
                default_value=ScheduleForm.catch_up,
                placeholder=str(CATCH_UP_S),
                key="catch-up" + ScheduleForm.id,
            ),
        ),
        field(
            "Version",
            "version",
            rx.el.input,
            type="number",
            min=1,
            default_value=ScheduleForm.version,
            placeholder=rx.cond(ScheduleForm.is_listing, "Latest version", "Active version"),
        ),
        class_name="three",
    )


def _metadata() -> rx.Component:
    return rx.el.details(
        rx.el.summary("Job metadata"),
        field(
            "Metadata (JSON)",
            "metadata",
            rx.el.textarea,
            hint="Returned with each job, in addition to schedule_id and schedule_due_at.",
            class_name="in code",
            default_value=ScheduleForm.metadata,
            rows=3,
            spell_check=False,
            auto_complete="off",
            key="metadata" + as_var(ScheduleForm.rev).to_string(),
        ),
        open=ScheduleForm.has_metadata,
        class_name="more-filters",
    )
