"""The page: the skill with its form, and the columns with their runs."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.elements import choice, link, note
from studio.components.jobs import UrlQuery
from studio.components.live import Tabs
from studio.components.play import Differences, InputsInNotebook, PlayForm, SaveMenu
from studio.pages.play.column import column
from studio.pages.play.columns import MAX_COLUMNS
from studio.pages.play.state import VIEWS, Play
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import as_var


def page() -> rx.Component:
    """Render the selection of the skill, its form and its columns."""
    base = "/p/" + Shell.project_slug
    return shell(
        "project",
        [Crumb(Shell.project_name, base), Crumb("Skills", base), Crumb(Play.full_name)],
        UrlQuery.create(query=Play.query),
        rx.cond(
            Play.is_loaded,
            rx.el.div(_inputs(), _runs(), class_name="play"),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
        actions=[_skill()],
    )


def _skill() -> rx.Component:
    return rx.cond(
        as_var(Play.others).length() > 1,
        choice(
            "Skill",
            [rx.foreach(Play.others, lambda one: rx.el.option(one.full_name, value=one.play))],
            value=Play.here,
            on_change=Play.pick_skill,
            style={"max_width": "180px"},
        ),
    )


def _inputs() -> rx.Component:
    columns = as_var(Play.columns)
    return rx.el.section(
        _head(),
        rx.cond(
            Play.has_form,
            PlayForm.create(
                schema=Play.input_schema,
                value=Play.inputs,
                filled=Play.filled,
                examples=Play.examples,
                errors=Play.errors,
                project=Shell.project_slug,
                csrf=Shell.csrf,
                can_run=Shell.can_write,
                busy=Play.is_busy,
                label=rx.cond(columns.length() > 1, "Run all", "Run"),
                estimate=rx.cond(columns.length() > 1, "", Play.estimate),
                stamp=as_var(Play.ended).length(),
                on_run=Play.run_all,
                key=Shell.project_slug + Play.skillpack + Play.name,
            ),
        ),
        aria_label="Inputs",
    )


def _head() -> rx.Component:
    problem = rx.cond(Play.problem != "", Play.problem, as_var(Play.columns)[0].failure)
    return rx.el.div(
        rx.el.h1(Play.title, class_name="cut"),
        rx.cond(
            Play.description != "",
            rx.el.p(
                Play.description,
                class_name="t2 three-lines",
                title=Play.description,
                style={"margin_top": "4px"},
            ),
        ),
        rx.cond(Play.is_simulated, _simulation()),
        rx.cond(problem != "", note(problem, state="fail", style={"margin_top": "10px"})),
        class_name="head",
        style={"border_bottom": "1px solid var(--line)"},
    )


def _simulation() -> rx.Component:
    return note(
        "No language model is configured. Agents are simulated: they return examples or sample values. ",
        link("Add an API key of a provider", href="/p/" + Shell.project_slug + "/settings/providers"),
        state="wait",
        style={"margin_top": "10px"},
    )


def _runs() -> rx.Component:
    columns = as_var(Play.columns)
    return rx.el.section(
        rx.el.div(
            Tabs.create(items=VIEWS, current=Play.view, label="View", segmented=True, on_pick=Play.pick_view),
            _environment(),
            _compare(),
            Differences.create(jobs=Play.jobs),
            rx.el.div(_save_menu(), _in_notebook(), class_name="row keep"),
            class_name="pane-head",
            style={"font_weight": "400"},
        ),
        rx.el.div(
            rx.foreach(Play.columns, column),
            class_name="columns",
            style={"--count": columns.length()},
        ),
        aria_label="Run",
    )


def _environment() -> rx.Component:
    return rx.cond(
        as_var(Play.environments).length() > 1,
        choice(
            "Environment",
            [rx.foreach(Play.environments, lambda name: rx.el.option(name, value=name))],
            value=Play.environment,
            on_change=Play.pick_environment,
            style={"max_width": "130px"},
        ),
    )


def _compare() -> rx.Component:
    is_full = as_var(Play.columns).length() >= MAX_COLUMNS
    return rx.el.button(
        "Compare…",
        type="button",
        class_name="btn",
        disabled=is_full,
        title=rx.cond(is_full, f"At most {MAX_COLUMNS} columns", "Add a column"),
        on_click=Play.compare,
    )


def _save_menu() -> rx.Component:
    return SaveMenu.create(
        **_of_skill(),
        full_name=Play.full_name,
        can_write=Shell.can_write,
        columns=Play.columns,
        schema=Play.input_schema,
        on_example=Play.read_draft,
    )


def _in_notebook() -> rx.Component:
    return rx.cond(Shell.can_write, InputsInNotebook.create(**_of_skill(), on_error=Play.show_problem))


def _of_skill() -> dict[str, Any]:
    return {
        "project": Shell.project_slug,
        "csrf": Shell.csrf,
        "skill": Play.name,
        "skillpack": Play.skillpack,
    }
