"""Actions that change something: one at a time in the browser, and once on the server for each action key."""

from __future__ import annotations

from typing import Any

import reflex as rx


class Actions(rx.State):
    """The most recently completed action of the page."""

    settled: str = ""
    """The key of that action. The browser shows the action as busy until then."""

    @rx.event
    def settle(self, key: str) -> None:
        """Report the end of an action; the page sends this after the action's own event."""
        self.settled = key


def watched() -> dict[str, Any]:
    """Return the properties with which a widget follows its action."""
    return {"settled": Actions.settled, "on_settle": Actions.settle}
