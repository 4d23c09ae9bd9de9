"""The page: the last day, the filters and the rows, or the comparison, or the first steps of a new project."""

from __future__ import annotations

from typing import Final

import reflex as rx

from studio.components.elements import button, empty, link_button, more_button, none_match
from studio.components.jobs import LiveRows, UrlQuery
from studio.components.live import Pulse
from studio.components.snippets import from_code
from studio.pages.jobs import bulk, failure_decisions
from studio.pages.jobs.bars import day
from studio.pages.jobs.compare import comparison
from studio.pages.jobs.failures import DEFAULT_FAILURE_DAYS, Failures, failures
from studio.pages.jobs.filter_bar import filter_bar
from studio.pages.jobs.state import Jobs
from studio.pages.jobs.table import table
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import as_var

REFRESH_S: Final = 2.0
"""Seconds between two checks whether the first job has been submitted."""


def page() -> rx.Component:
    """Render the list of jobs, or the empty state."""
    return shell(
        "jobs",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Jobs")],
        rx.el.h1("Jobs", class_name="hidden-label"),
        UrlQuery.of(Jobs),
        rx.cond(
            Jobs.is_loaded,
            rx.cond(
                as_var(Jobs.compared).length() > 0,
                comparison(),
                rx.cond(Jobs.has_jobs, rx.cond(Jobs.failure_days > 0, _failures(), _list()), _none_yet()),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _failures() -> rx.Component:
    begin = failure_decisions.FailureDecision.begin
    return failures(failure_decisions.selection_bar(), failure_decisions.dialog(), begin)


def _list() -> rx.Component:
    return rx.el.div(
        day(),
        rx.cond(
            as_var(Jobs.picked).length() > 0,
            bulk.selection_bar(),
            filter_bar(
                button(
                    "Failures",
                    icon="circle-alert",
                    kind="quiet",
                    title="Failed jobs grouped by their error",
                    on_click=[Jobs.show_failures(DEFAULT_FAILURE_DAYS), Failures.load],
                )
            ),
        ),
        LiveRows.create(
            rx.cond(as_var(Jobs.rows).length() > 0, table()),
            rx.cond(Jobs.is_reading, rx.el.p("Loading…", class_name="skeleton")),
            rx.cond(
                (as_var(Jobs.rows).length() == 0) & ~Jobs.is_reading,
                none_match(
                    "No jobs match these filters.",
                    button("Show all jobs", kind="quiet", on_click=Jobs.clear),
                ),
            ),
            more_button(Jobs, class_name="pad"),
            project=Shell.project_slug,
            fresh=Jobs.fresh,
            is_picking=Jobs.is_picking,
            can_write=Shell.can_write,
            on_change=Jobs.refresh,
            on_toggle=Jobs.toggle,
            on_act=bulk.Bulk.begin,
            on_leave=Jobs.leave,
        ),
        bulk.dialog(),
        class_name="col grow",
        style={"min_height": "0"},
    )


def _none_yet() -> rx.Component:
    base = "/p/" + Shell.project_slug
    return empty(
        "activity",
        "No jobs yet",
        "A job is one execution of a skill. It records its version, its cost and all of its steps, and it continues "
        "on another worker if its worker is lost.",
        Pulse.create(seconds=REFRESH_S, on_tick=Jobs.refresh(False)),
        rx.el.div(
            rx.cond(
                Jobs.has_skills,
                link_button("Run a skill", href=base, icon="play", kind="pri"),
                link_button("Publish your first skills", href=base, icon="upload", kind="pri"),
            ),
            class_name="row",
        ),
        from_code(Jobs.texts),
    )
