"""The same act from code, in one language at a time; `studio.code_snippets` writes the texts."""

from __future__ import annotations

import reflex as rx


class Languages(rx.Component):
    """The languages that there are texts for, as tabs over the text of one."""

    library = "$/public/ui/snippets.jsx"
    tag = "Snippets"
    texts: rx.Var[dict[str, str]]


def snippets(texts: rx.Var[dict[str, str]]) -> rx.Component:
    """The ways in a frame."""
    return rx.el.div(Languages.create(texts=texts), class_name="pane")


def from_code(texts: rx.Var[dict[str, str]]) -> rx.Component:
    """The ways under what an empty page offers first."""
    return rx.el.div(
        rx.el.div("Or from your code", class_name="cap", style={"margin_bottom": "6px"}),
        snippets(texts),
        style={"margin_top": "28px"},
    )
