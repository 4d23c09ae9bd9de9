"""Code snippets with one tab per language; `studio.code_snippets` creates the texts."""

from __future__ import annotations

import reflex as rx


class Languages(rx.Component):
    """Tabs with the languages, above the snippet of the selected one."""

    library = "$/public/ui/snippets.tsx"
    tag = "Snippets"
    texts: rx.Var[dict[str, str]]


def snippets(texts: rx.Var[dict[str, str]]) -> rx.Component:
    """Return the snippets in a frame."""
    return rx.el.div(Languages.create(texts=texts), class_name="pane")


def from_code(texts: rx.Var[dict[str, str]]) -> rx.Component:
    """Return the snippets with a heading, for the empty state of a page."""
    return rx.el.div(
        rx.el.div("Or from your code", class_name="cap", style={"margin_bottom": "6px"}),
        snippets(texts),
        style={"margin_top": "28px"},
    )
