"""Long lists that load page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import reflex as rx

from backend.core.db.paging import Page
from studio import session
from studio.components.elements import button

_PAGE_ROWS: Final = 50
_MAX_ROWS: Final = 1_000


async def next_page(state: Any, read: Callable[..., Any], to_row: Callable[[Any], Any]) -> None:
    """Append the next page to the `rows` of a state; `more` is the cursor of the page after it, or empty."""
    async with session.visiting(state) as visit:
        found = await read(visit.session, visit.person, Page(_PAGE_ROWS, state.more or None))
    state.rows = [*state.rows, *map(to_row, found.items)]
    state.more = (found.next_cursor or "") if len(state.rows) < _MAX_ROWS else ""


def more(on_click: Any) -> rx.Component:
    """Return the button that loads the next page."""
    return rx.el.div(button("Show more", on_click=on_click), style={"margin_top": "10px"})
