"""The filters of the list of jobs."""

from __future__ import annotations

from typing import Any, Final, get_args

import reflex as rx

from backend.identity.environments import Environment
from studio.components.elements import choice, segments
from studio.components.jobs import Menu, SearchField
from studio.components.live import Ago, Check
from studio.pages.jobs import views
from studio.pages.jobs.state import Choice, Jobs
from studio.pages.jobs.table import LABELS
from studio.selection import select_button
from studio.shell import Shell
from studio.theme import STATUS_WORDS
from studio.typing_of_reflex import as_var

_SOURCES: Final = (
    *("api", "studio", "cli", "mcp", "schedule", "replay", "fork", "continue", "eval", "subagent"),
)
_DURATIONS: Final = {"1": "over 1 s", "10": "over 10 s", "60": "over 1 min", "600": "over 10 min"}
_COSTS: Final = {"0.001": "over $0.001", "0.01": "over $0.01", "0.1": "over $0.10", "1": "over $1"}
_NARROWING: Final = (
    "version",
    "source",
    "environment",
    "key",
    "min_seconds",
    "min_cost_usd",
    "since",
    "error_signature",
    "ids",
)


def filter_bar(*actions: rx.Component) -> rx.Component:
    """Render the filters, further actions, the views and the choice of the columns."""
    return rx.el.div(
        rx.el.div(
            segments(
                "Status",
                {"": "All", **STATUS_WORDS},
                Jobs.filters["status"],
                lambda one: Jobs.set_filter("status", one),
            ),
            _select("skill", "Skill", "All skills", Jobs.skills),
            SearchField.create(
                value=Jobs.filters["q"],
                label="Search jobs",
                placeholder="ID, skill or error…",
                on_search=Jobs.search,
            ),
            rx.el.span(class_name="grow"),
            *actions,
            views.menu(),
            _columns(),
            rx.cond(Shell.can_write, select_button(Jobs, rx.el.kbd("x"))),
            class_name="row wrap",
        ),
        _more(),
        class_name="job-bar col",
        style={"gap": "8px"},
    )


def _more() -> rx.Component:
    is_narrow: Any = False
    for name in _NARROWING:
        is_narrow = (Jobs.filters[name] != "") | is_narrow
    return rx.el.details(
        rx.el.summary("More filters"),
        rx.el.div(
            _select("version", "Version", "Any version", Jobs.versions),
            _select("source", "Source", "Any source", {one: one for one in _SOURCES}),
            _select(
                "environment", "Environment", "Any environment", {one: one for one in get_args(Environment)}
            ),
            rx.cond(as_var(Jobs.keys).length() > 0, _select("key", "API key", "Any API key", Jobs.keys)),
            _select("min_seconds", "Duration", "Any duration", _DURATIONS),
            _select("min_cost_usd", "Cost", "Any cost", _COSTS),
            rx.cond(Jobs.filters["since"] != "", _period()),
            _removable("error_signature", "Jobs with the same error ✕", "Show jobs with any error"),
            _removable("ids", "Jobs of a link ✕", "Show all jobs"),
            class_name="row wrap",
        ),
        open=rx.cond(is_narrow, True, rx.Var("undefined")),
        class_name="more-filters",
    )


def _removable(name: str, label: str, title: str) -> rx.Component:
    """Render a filter that only links set, and that a click removes."""
    return rx.cond(
        Jobs.filters[name] != "",
        rx.el.button(
            label, type="button", class_name="chip", title=title, on_click=Jobs.set_filter(name, "")
        ),
    )


def _period() -> rx.Component:
    return rx.el.button(
        "Submitted ",
        rx.cond(Jobs.filters["until"] == "", "since ", ""),
        Ago.create(moment=Jobs.filters["since"]),
        rx.cond(Jobs.filters["until"] == "", " ✕", ", 30 min ✕"),
        type="button",
        class_name="chip",
        on_click=Jobs.pick_period("", ""),
    )


def _select(name: str, label: str, none: str, options: Any) -> rx.Component:
    """Render a filter; `options` are labels by value, texts, or choices."""
    value = Jobs.filters[name]
    if isinstance(options, dict):
        is_known: Any = rx.Var.create(list(options)).contains(value)
        shown = [rx.el.option(word, value=one) for one, word in options.items()]
    else:
        is_known = False
        shown = [rx.foreach(options, _option)]
    unknown = rx.cond((value != "") & ~rx.Var.create(is_known), rx.el.option(value, value=value, hidden=True))
    return choice(
        label,
        [rx.el.option(none, value=""), unknown, *shown],
        value=value,
        on_change=lambda text: Jobs.set_filter(name, text),
    )


def _option(one: Any) -> rx.Component:
    if one._var_type is Choice:
        return rx.el.option(one.label, value=one.value)
    return rx.el.option(one, value=one)


def _columns() -> rx.Component:
    return Menu.create(
        *[
            rx.el.label(
                Check.create(
                    checked=as_var(Jobs.columns).contains(name),
                    label=label,
                    on_change=Jobs.toggle_column(name),
                ),
                label,
                class_name="row",
            )
            for name, label in LABELS.items()
        ],
        label="Columns",
    )
