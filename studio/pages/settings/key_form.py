"""The form for a new API key."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

import reflex as rx

from backend.auth.principal import PUBLISHABLE_SCOPES, SCOPES
from studio.components.elements import field, form_end

SCOPE: Final = "scope:"
"""How the names of the boxes begin."""


class KeyForm(rx.State):
    """What the form offers for the kind that is chosen."""

    kind: str = "secret"
    areas: list[list[str]] = []
    """The scopes of each area, like `jobs:read`, `jobs:submit`, `jobs:write`."""

    @rx.event
    def begin(self):
        """Offer what a secret key can have."""
        self.kind, self.areas = "secret", _by_area(SCOPES)

    @rx.event
    def pick_kind(self, kind: str):
        """Offer what this kind can have."""
        self.kind = kind
        self.areas = _by_area(PUBLISHABLE_SCOPES if kind == "publishable" else SCOPES)


def _by_area(scopes: Iterable[str]) -> list[list[str]]:
    return [list(area) for _, area in groupby(sorted(scopes), lambda scope: scope.partition(":")[0])]


def form(on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Name, kind, and what the key is narrowed to."""
    return rx.el.form(
        field(
            "Name",
            "name",
            rx.el.input,
            max_length=200,
            placeholder="What uses it",
            auto_complete="off",
            auto_focus=True,
        ),
        field(
            "Kind",
            "kind",
            rx.el.select,
            rx.el.option("Secret: for your servers", value="secret"),
            rx.el.option("Publishable: for browsers and apps", value="publishable"),
            hint="A publishable key may only submit jobs and read its own.",
            value=KeyForm.kind,
            on_change=KeyForm.pick_kind,
        ),
        _scopes(),
        field(
            "Skills",
            "skill_allowlist",
            rx.el.input,
            hint="That it may run, with commas between: skill, skillpack/skill, or */skill. Empty: all.",
            class_name="in mono",
            auto_complete="off",
            spell_check=False,
        ),
        rx.el.div(
            field(
                "Most dollars a day",
                "daily_cap",
                rx.el.input,
                type="number",
                min=0,
                step="0.01",
                placeholder="no cap",
            ),
            field(
                "Requests a minute",
                "requests_per_minute",
                rx.el.input,
                type="number",
                min=1,
                placeholder="as the instance says",
            ),
            field(
                "Expires after", "expires_on", rx.el.input, hint="At the end of that day, UTC.", type="date"
            ),
            class_name="three",
        ),
        *form_end(problem, "Make the key", on_cancel),
        on_submit=on_submit,
        class_name="form",
    )


def _scopes() -> rx.Component:
    return rx.el.fieldset(
        rx.el.legend("Scopes", class_name="label"),
        rx.foreach(
            KeyForm.areas, lambda area: rx.el.div(rx.foreach(area, _scope), class_name="boxes", key=area[0])
        ),
        rx.el.span("None ticked: everything that its kind may do.", class_name="hint"),
        class_name="field",
    )


def _scope(scope: rx.Var[str]) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="checkbox", name=SCOPE + scope),
        rx.el.span(scope, class_name="mono"),
        class_name="check",
        key=scope,
    )
