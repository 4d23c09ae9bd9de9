"""The list of memory records with its search, filters and order, and the form for a new record."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from studio.components.elements import (
    button,
    choice,
    empty,
    link,
    more_button,
    none_match,
    sort_head,
    tag,
)
from studio.components.jobs import SearchField
from studio.components.live import Ago, Split
from studio.components.snippets import from_code
from studio.pages.memory import bulk, record, record_form, views
from studio.pages.memory.state import MemoryPage, RecordRow
from studio.selection import box, box_head, select_button
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import as_var

_STATES: Final = {"live": "Current", "stale": "Stale", "superseded": "Superseded", "forgotten": "Deleted"}
_TYPES: Final = {
    "": "All types",
    "semantic": "Fact",
    "episodic": "Event",
    "procedural": "Procedure",
}
_COLUMNS: Final = (
    ("title", "Title", ""),
    ("kind", "Kind", "kind"),
    ("key", "Key", "key"),
    ("written_by", "Written by", "by"),
    ("updated_at", "Updated", "num when"),
)


def page() -> rx.Component:
    """Render the search, its results, and the selected record."""
    is_filtered = (MemoryPage.query != "") | (MemoryPage.state != "live") | (MemoryPage.mtype != "")
    is_split = (MemoryPage.open_id != "") & ~MemoryPage.is_new
    return shell(
        "memory",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Memory")],
        rx.el.h1("Memory", class_name="hidden-label"),
        rx.cond(
            MemoryPage.is_loaded,
            rx.cond(
                MemoryPage.is_new,
                _new(),
                rx.cond(
                    (as_var(MemoryPage.rows).length() > 0) | is_filtered | is_split,
                    rx.fragment(
                        rx.cond(as_var(MemoryPage.picked).length() > 0, bulk.selection_bar(), _filters()),
                        rx.cond(
                            is_split,
                            Split.create(
                                _list(),
                                record.pane(),
                                name="memory",
                                label="Record width",
                                initial=440,
                            ),
                            _list(),
                        ),
                        bulk.dialog(),
                    ),
                    _none_yet(),
                ),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _new_button() -> rx.Component:
    return rx.cond(Shell.can_write, button("New memory", icon="plus", kind="pri", on_click=MemoryPage.begin))


def _new() -> rx.Component:
    return rx.el.div(
        rx.el.h2("New memory", style={"margin_bottom": "12px"}),
        record_form.new_form(MemoryPage.create, MemoryPage.stop, MemoryPage.problem),
        class_name="scroll grow column",
        style={"gap": "0"},
    )


def _filters() -> rx.Component:
    return rx.el.div(
        SearchField.create(
            value=MemoryPage.query,
            label="Search memory",
            placeholder="Search by key, words or meaning…",
            on_search=MemoryPage.search,
        ),
        choice("Type", _TYPES, value=MemoryPage.mtype, on_change=MemoryPage.pick_type),
        choice("State", _STATES, value=MemoryPage.state, on_change=MemoryPage.pick_state),
        rx.el.span(class_name="grow"),
        views.menu(),
        rx.cond(
            Shell.can_write & (as_var(MemoryPage.rows).length() > 0) & (MemoryPage.state != "forgotten"),
            select_button(MemoryPage),
        ),
        _new_button(),
        class_name="row wrap",
        style={"padding": "8px 16px", "border_bottom": "1px solid var(--line)", "flex": "none"},
    )


def _list() -> rx.Component:
    return rx.el.div(
        rx.cond(
            (MemoryPage.query != "") & ~MemoryPage.is_semantic & (as_var(MemoryPage.rows).length() > 0),
            rx.el.p(
                "Found by keys and words. Search by meaning is unavailable, because no embedding model responds.",
                class_name="t3 line-note",
            ),
        ),
        rx.cond(
            as_var(MemoryPage.rows).length() > 0,
            _table(),
            none_match(
                "No matching records.",
                link("Show all records", href="/p/" + Shell.project_slug + "/memory"),
            ),
        ),
        more_button(MemoryPage, class_name="pad"),
        class_name="scroll grow",
        role="region",
        tab_index=0,
        aria_label="Records",
    )


def _table() -> rx.Component:
    return rx.el.table(
        rx.el.thead(
            rx.el.tr(
                rx.cond(MemoryPage.is_picking, box_head(MemoryPage, MemoryPage.rows)),
                *[_head(*one) for one in _COLUMNS],
            )
        ),
        rx.el.tbody(rx.foreach(MemoryPage.rows, _row)),
        class_name="tbl records",
        aria_label="Records",
    )


def _head(column: str, title: str, kind: str) -> rx.Component:
    """Render the head of a column. Search results are in the order of their score."""
    return rx.cond(
        MemoryPage.query == "",
        sort_head(MemoryPage, column, title, kind=kind),
        rx.el.th(title, scope="col", class_name=kind),
    )


def _row(row: rx.Var[RecordRow]) -> rx.Component:
    by: Any = rx.cond(row.job != "", link(row.by, href=row.job, class_name="mono above"), row.by)
    title: Any = rx.cond(
        row.is_forgotten,
        rx.el.span(row.title, class_name="t3 cut"),
        link(row.title, href=row.href, class_name="whole cut"),
    )
    return rx.el.tr(
        rx.cond(MemoryPage.is_picking, rx.el.td(box(MemoryPage, row.id, row.title, class_name="above"))),
        rx.el.td(
            rx.el.span(
                title,
                rx.cond(row.is_pinned, tag("pinned", state="ok")),
                rx.el.span(row.summary, class_name="t3 cut grow"),
                class_name="row",
            ),
            title=row.summary,
        ),
        rx.el.td(tag(row.kind), class_name="kind"),
        rx.el.td(rx.el.span(row.key, class_name="mono"), class_name="t2 key", title=row.key),
        rx.el.td(by, class_name="t2 by", title=row.by),
        rx.el.td(Ago.create(moment=row.at), class_name="num t3 when"),
        key=row.href,
        custom_attrs={"data-current": row.is_current},
    )


def _none_yet() -> rx.Component:
    return empty(
        "brain",
        "No memory records yet",
        "Skills and users store records for later jobs, and find them by key, words and meaning. Other projects cannot "
        "access the memory of this project.",
        _new_button(),
        from_code(MemoryPage.texts),
    )
