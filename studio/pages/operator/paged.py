"""Long lists, a page at a time."""

from __future__ import annotations

from typing import Any, Final

import reflex as rx

from studio.components.elements import button

PAGE_ROWS: Final = 50
MOST_ROWS: Final = 1_000


def more(on_click: Any) -> rx.Component:
    """Reads the next page."""
    return rx.el.div(button("Show more", on_click=on_click), style={"margin_top": "10px"})
