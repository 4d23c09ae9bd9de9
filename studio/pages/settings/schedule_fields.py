"""The form of a schedule: what runs, and when; the next moments are shown as the expression is typed."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from studio.components.elements import field, form_end, note
from studio.pages.settings import schedule_limits
from studio.pages.settings.schedule_form import CATCH_UP_S, MAX_CHARACTERS, ScheduleForm

_PRESETS: Final = (
    ("Every hour", "0 * * * *"),
    ("Every day at 9", "0 9 * * *"),
    ("Weekdays at 9:30", "30 9 * * mon-fri"),
    ("Mondays at 8", "0 8 * * mon"),
    ("First of the month", "0 6 1 * *"),
)
_OVERLAPS: Final = {
    "skip": "Skip this time",
    "queue": "Queue the next job",
    "cancel_previous": "Cancel the previous job",
    "allow": "Run both",
}
_MISSED: Final = {"skip": "Leave it out", "run_once": "Run once for all of it"}


def form(on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """What, when, and what happens when things collide."""
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
        rx.cond(ScheduleForm.is_listing, _most_price()),
        _when(),
        field(
            "Inputs, as JSON",
            "inputs",
            rx.el.textarea,
            class_name="in code",
            default_value=ScheduleForm.inputs,
            rows=6,
            spell_check=False,
            auto_complete="off",
            key="inputs" + ScheduleForm.rev.to_string(),
        ),
        _collisions(),
        schedule_limits.fields(ScheduleForm.limits, ScheduleForm.has_limits),
        _metadata(),
        *form_end(problem, rx.cond(is_new, "Make the schedule", "Save"), on_cancel),
        on_submit=on_submit,
        key=ScheduleForm.id,
        class_name="form",
    )


def _subject() -> rx.Component:
    """The skills of the project, and the listings of the marketplace."""
    return field(
        "Skill",
        "skill",
        rx.el.select,
        rx.cond(
            ScheduleForm.skills.length() > 0,
            rx.el.optgroup(
                rx.foreach(ScheduleForm.skills, lambda name: rx.el.option(name, value=name)),
                label="Skills of this project",
            ),
        ),
        rx.cond(
            ScheduleForm.offers.length() > 0,
            rx.el.optgroup(
                rx.foreach(ScheduleForm.offers, lambda one: rx.el.option(one.label, value=one.value)),
                label="Listings of the marketplace",
            ),
        ),
        value=ScheduleForm.skill,
        on_change=ScheduleForm.pick_skill,
        required=True,
    )


def _most_price() -> rx.Component:
    return field(
        "Most that a run's price may be, in dollars",
        "most_price",
        rx.el.input,
        hint="This project pays it beside what the run uses. When the price has risen above it, the run is refused.",
        type="number",
        min=0,
        step="any",
        default_value=ScheduleForm.most_price,
        placeholder="the price of now",
        key="price" + ScheduleForm.rev.to_string(),
    )


def _when() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            field(
                "When, as cron",
                "cron",
                rx.el.input,
                hint="Minute, hour, day, month, weekday; or @daily and its like.",
                class_name="in mono",
                default_value=ScheduleForm.cron,
                max_length=MAX_CHARACTERS,
                required=True,
                on_change=ScheduleForm.type_cron.debounce(250),
                auto_complete="off",
                spell_check=False,
                key="cron" + ScheduleForm.rev.to_string(),
            ),
            field(
                "By the clock of",
                "time_zone",
                rx.el.input,
                hint="A time zone, like Europe/Berlin.",
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
                rx.el.button(label, type="button", class_name="chip", on_click=ScheduleForm.take(cron))
                for label, cron in _PRESETS
            ],
            class_name="row wrap",
        ),
        rx.el.div(
            rx.cond(
                ScheduleForm.problem != "",
                note(ScheduleForm.problem, state="fail"),
                rx.el.div(
                    rx.el.span("Next", class_name="cap"),
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


def _collisions() -> rx.Component:
    return rx.el.div(
        field(
            "While a job of it runs",
            "overlap",
            rx.el.select,
            *[rx.el.option(label, value=value) for value, label in _OVERLAPS.items()],
            default_value=ScheduleForm.overlap,
        ),
        field(
            "What no worker was there for",
            "missed",
            rx.el.select,
            *[rx.el.option(label, value=value) for value, label in _MISSED.items()],
            value=ScheduleForm.missed,
            on_change=ScheduleForm.pick_missed,
        ),
        rx.cond(
            ScheduleForm.missed == "run_once",
            field(
                "But not later than, in seconds",
                "catch_up_s",
                rx.el.input,
                hint="86400 is a day. What was missed longer ago is left out.",
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
            placeholder=rx.cond(ScheduleForm.is_listing, "its newest", "the active one"),
        ),
        class_name="three",
    )


def _metadata() -> rx.Component:
    return rx.el.details(
        rx.el.summary("Metadata of each job"),
        field(
            "Metadata, as JSON",
            "metadata",
            rx.el.textarea,
            hint="Given back with each job, beside schedule_id and schedule_due_at.",
            class_name="in code",
            default_value=ScheduleForm.metadata,
            rows=3,
            spell_check=False,
            auto_complete="off",
            key="metadata" + ScheduleForm.rev.to_string(),
        ),
        open=ScheduleForm.has_metadata,
        class_name="more-filters",
    )
