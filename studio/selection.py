"""The selection of rows on pages with bulk actions."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import reflex as rx


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
