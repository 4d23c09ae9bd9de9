"""The selection of rows on pages with bulk actions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import reflex as rx

from studio.components.elements import button
from studio.components.live import Check
from studio.typing_of_reflex import as_var


class Selection(rx.State, mixin=True):  # type: ignore[call-arg]  # Reflex is Any to mypy
    """A state whose rows can be selected."""

    picked: list[str] = []
    """The keys of the selected rows."""
    is_picking: bool = False
    """Whether the rows have boxes."""

    @rx.event
    def toggle(self, key: str) -> None:
        """Select a row, or deselect it."""
        self.is_picking = True
        others = [one for one in self.picked if one != key]
        self.picked = others if len(others) < len(self.picked) else [*self.picked, key]

    @rx.event
    def toggle_all(self) -> None:
        """Select all rows, or none if all are selected."""
        everything = list(self._selectable())
        self.picked = [] if len(self.picked) == len(everything) else everything

    @rx.event
    def toggle_picking(self) -> None:
        """Show the boxes, or hide them."""
        self.picked, self.is_picking = [], not self.is_picking

    @rx.event
    def leave(self) -> None:
        """Deselect all rows, and hide the boxes."""
        self.picked, self.is_picking = [], False

    def _keep_picked(self, shown: Collection[str]) -> None:
        """Deselect the rows that are not shown any more."""
        kept = [one for one in self.picked if one in shown]
        if kept != self.picked:
            self.picked = kept

    def _selectable(self) -> Sequence[str]:
        """Return the keys of the rows that `toggle_all` selects."""
        raise NotImplementedError


def selection_bar(
    state: Any, label: str, *actions: rx.Component, class_name: str = "row wrap", **props: Any
) -> rx.Component:
    """Render the actions on the selected rows; `state` is the class of the state, a `Selection`."""
    return rx.el.div(
        rx.el.span(as_var(state.picked).length(), " selected", class_name="strong num"),
        *actions,
        rx.el.span(class_name="grow"),
        button("Clear selection", kind="quiet", on_click=state.leave),
        class_name=class_name,
        role="group",
        aria_label=label,
        **props,
    )


def select_button(state: Any, *children: rx.Component) -> rx.Component:
    """Render the button that shows and hides the boxes."""
    return rx.el.button(
        rx.cond(state.is_picking, "Done selecting", "Select…"),
        *children,
        type="button",
        class_name="btn quiet",
        on_click=state.toggle_picking,
        custom_attrs={"aria-pressed": rx.cond(state.is_picking, "true", "false")},
    )


def box_head(state: Any, rows: Any) -> rx.Component:
    """Render the head of the column with the boxes, which selects all rows."""
    everything = Check.create(
        checked=as_var(state.picked).length() == as_var(rows).length(),
        label="Select all",
        on_change=state.toggle_all,
    )
    return rx.el.th(everything, scope="col", style={"width": "36px"})


def box(state: Any, key: rx.Var[str], name: Any, **props: Any) -> rx.Component:
    """Render the box of a row; `name` is what it selects."""
    return Check.create(
        checked=as_var(state.picked).contains(key),
        label=f"Select {name}",
        on_change=state.toggle(key),
        **props,
    )
