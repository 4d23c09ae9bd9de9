"""Long lists, a page at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import reflex as rx

from backend.core.db.paging import Page
from studio import session
from studio.components.elements import button

_PAGE_ROWS: Final = 50
_MAX_ROWS: Final = 1_000


async def next_page(state: Any, read: Callable[..., Any], drawn: Callable[[Any], Any]) -> None:
    """Put a page more into the `rows` of a state, whose `more` is the cursor of what follows; empty: nothing does."""
    async with session.visiting(state) as visit:
        found = await read(visit.session, visit.person, Page(_PAGE_ROWS, state.more or None))
    state.rows = [*state.rows, *map(drawn, found.items)]
    state.more = (found.next_cursor or "") if len(state.rows) < _MAX_ROWS else ""


def more(on_click: Any) -> rx.Component:
    """Reads the next page."""
    return rx.el.div(button("Show more", on_click=on_click), style={"margin_top": "10px"})
