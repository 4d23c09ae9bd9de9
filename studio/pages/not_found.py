"""The page of an address that nobody has."""

from __future__ import annotations

import reflex as rx

from studio.components.elements import link


def page() -> rx.Component:
    """Says so, and where to go."""
    return rx.el.main(
        rx.el.h1("There is no such page"),
        rx.el.p("The address may be mistyped, or the page has moved.", class_name="t2"),
        rx.el.p(link("All your projects", href="/"), style={"margin_top": "12px"}),
        style={"padding": "18vh 24px", "max_width": "560px", "margin": "0 auto"},
    )
