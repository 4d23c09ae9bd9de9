"""Wrappers of the widgets of the list of jobs in `assets/ui/jobs`."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.event_arguments import none, one, two


class UrlQuery(rx.Component):
    """An invisible component that writes `query` to the URL; a new entry of the history if `entries` has changed."""

    library = "$/public/ui/url_query.tsx"
    tag = "UrlQuery"
    query: rx.Var[str]
    entries: rx.Var[int]
    opened_entries: rx.Var[int]
    loaded: rx.Var[bool]
    on_early_change: rx.EventHandler[none]

    @classmethod
    def create(cls, *, query: Any, entries: Any = 0, opened_entries: Any = 0, **events: Any) -> UrlQuery:
        """Return the component for a query in the state."""
        loaded = rx.State.is_hydrated
        return super().create(
            query=query, entries=entries, opened_entries=opened_entries, loaded=loaded, **events
        )

    @classmethod
    def of(cls, state: Any) -> UrlQuery:
        """Return the component for a state that is named by its URL, see `studio.named_by_url`."""
        return cls.create(
            query=state.query,
            entries=state.entries,
            opened_entries=state.opened_entries,
            on_early_change=state.forget_early_change,
        )


class Modal(rx.Component):
    """A dialog that is open while it is on the page; the element with `data-first` gets the focus."""

    library = "$/public/ui/modal.tsx"
    tag = "Modal"
    label: rx.Var[str]
    broad: rx.Var[bool]
    on_close: rx.EventHandler[none]


class Menu(rx.Component):
    """A button that opens a panel with the children, which closes when the user clicks elsewhere."""

    library = "$/public/ui/menu.tsx"
    tag = "Menu"
    label: rx.Var[str]
    on_open: rx.EventHandler[none]


class SearchField(rx.Component):
    """A search field that reports what the user has typed after a short pause."""

    library = "$/public/ui/search_field.tsx"
    tag = "SearchField"
    value: rx.Var[str]
    label: rx.Var[str]
    placeholder: rx.Var[str]
    on_search: rx.EventHandler[one]


class DayBars(rx.Component):
    """A bar for each half hour of a day; `since` is the start of the selected one."""

    library = "$/public/ui/jobs/bars.tsx"
    tag = "DayBars"
    bars: rx.Var[list[Any]]
    since: rx.Var[str]
    on_pick: rx.EventHandler[two]


class LiveRows(rx.Component):
    """The region of the rows: it follows the list of jobs, holds the rows still, and handles the keys of rows.

    `on_change` receives whether the rows are held, because the pointer or the focus is on them.
    """

    library = "$/public/ui/jobs/live_rows.tsx"
    tag = "LiveRows"
    project: rx.Var[str]
    fresh: rx.Var[int]
    is_picking: rx.Var[bool]
    can_write: rx.Var[bool]
    on_change: rx.EventHandler[one]
    on_toggle: rx.EventHandler[one]
    on_act: rx.EventHandler[two]
    on_leave: rx.EventHandler[none]


class FailureRows(rx.Component):
    """The region of the errors, which handles their keys; `on_act` receives the kind of action and the signature."""

    library = "$/public/ui/jobs/failure_rows.tsx"
    tag = "FailureRows"
    can_write: rx.Var[bool]
    on_toggle: rx.EventHandler[one]
    on_act: rx.EventHandler[two]
    on_leave: rx.EventHandler[none]


class Spark(rx.Component):
    """Small bars that show how a number has changed."""

    library = "$/public/ui/spark.tsx"
    tag = "Spark"
    values: rx.Var[list[int]]
    label: rx.Var[str]
