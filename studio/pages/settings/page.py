"""The settings of a project; the URL contains the open section."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import reflex as rx

from studio.command_palette import SETTINGS
from studio.components.elements import link
from studio.pages.settings import (
    alerts,
    audit_log,
    general,
    keys,
    limits,
    members,
    providers,
    schedules,
    secrets,
    webhooks,
)
from studio.pages.settings.from_code import FromCode
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import Handled


class _Section(NamedTuple):
    load: Any
    pane: Any


_SECTIONS: Final = {
    "general": _Section(general.General.load, general.pane),
    "members": _Section(members.Members.load, members.pane),
    "keys": _Section(keys.Keys.load, keys.pane),
    "secrets": _Section(secrets.Secrets.load, secrets.pane),
    "providers": _Section(providers.Providers.load, providers.pane),
    "webhooks": _Section(webhooks.Webhooks.load, webhooks.pane),
    "alerts": _Section(alerts.Alerts.load, alerts.pane),
    "schedules": _Section(schedules.Schedules.load, schedules.pane),
    "limits": _Section(limits.Limits.load, limits.pane),
    "audit": _Section(audit_log.AuditLog.load, audit_log.pane),
}
_FIRST: Final = next(iter(_SECTIONS))


class Settings(rx.State):
    """The open section."""

    shown: str = _FIRST

    @rx.event
    def load(self) -> Handled:
        """Open the section of the URL, and load its data."""
        requested: str = self.section
        if requested and requested not in _SECTIONS:
            return Shell.close(f"The settings have no section {requested[:40]!r}.")
        self.shown = requested or _FIRST
        return [_SECTIONS[self.shown].load, FromCode.load]


def page() -> rx.Component:
    """Render the navigation and the open section."""
    return shell(
        "settings",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Settings")],
        rx.el.h1("Settings", class_name="hidden-label"),
        rx.el.div(
            _navigation(),
            rx.el.div(
                rx.el.div(
                    rx.match(
                        Settings.shown,
                        *[(name, one.pane()) for name, one in _SECTIONS.items()],
                        rx.fragment(),
                    ),
                    class_name="column",
                ),
                class_name="scroll",
            ),
            class_name="sectioned",
        ),
    )


def _navigation() -> rx.Component:
    base = "/p/" + Shell.project_slug + "/settings/"
    return rx.el.nav(
        *[
            link(
                label,
                href=base + name,
                class_name="nav",
                custom_attrs={"aria-current": rx.cond(Settings.shown == name, "page", "false")},
            )
            for name, label in SETTINGS.items()
        ],
        aria_label="Settings",
        class_name="sections",
    )
