"""The tabs of the settings; which one is shown is in the address."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.live import Tabs
from studio.pages.settings import general, keys, limits, members
from studio.pages.settings.general import General
from studio.pages.settings.keys import Keys
from studio.pages.settings.limits import Limits
from studio.pages.settings.members import Members
from studio.shell import Crumb, Shell, shell

TABS = [
    {"id": "general", "label": "General"},
    {"id": "members", "label": "Members"},
    {"id": "keys", "label": "API keys"},
    {"id": "limits", "label": "Limits and usage"},
]
_LOADS: dict[str, Any] = {
    "general": General.load,
    "members": Members.load,
    "keys": Keys.load,
    "limits": Limits.load,
}


class Settings(rx.State):
    """Which tab is shown."""

    tab: str = TABS[0]["id"]

    @rx.event
    def load(self):
        """Show the tab of the address, and have it read what it shows."""
        asked = self.router.url.query_parameters.get("tab", "")
        self.tab = asked if asked in _LOADS else TABS[0]["id"]
        return _LOADS[self.tab]

    @rx.event
    def pick_tab(self, tab: str):
        """Go to one tab."""
        return rx.redirect(f"/p/{self.project}/settings?tab={tab}", replace=True)


def page() -> rx.Component:
    """The tabs, and what the one of the address shows."""
    return shell(
        "settings",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Settings")],
        rx.el.h1("Settings", class_name="hidden-label"),
        Tabs.create(items=TABS, current=Settings.tab, label="Settings", on_pick=Settings.pick_tab),
        rx.el.div(
            rx.match(
                Settings.tab,
                ("general", general.pane()),
                ("members", members.pane()),
                ("keys", keys.pane()),
                ("limits", limits.pane()),
                rx.fragment(),
            ),
            role="tabpanel",
            aria_label="Settings",
            class_name="scroll grow column",
        ),
    )
