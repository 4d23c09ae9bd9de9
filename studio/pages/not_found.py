"""The page for unknown URLs."""

from __future__ import annotations

import reflex as rx

from studio.components.elements import link


def page() -> rx.Component:
    """Render the error with a link to the projects."""
    return rx.el.main(
        rx.el.h1("Page not found"),
        rx.el.p("Check the URL. The page may have been moved or deleted.", class_name="t2"),
        rx.el.p(link("View all projects", href="/"), style={"margin_top": "12px"}),
        style={"padding": "18vh 24px", "max_width": "560px", "margin": "0 auto"},
    )
