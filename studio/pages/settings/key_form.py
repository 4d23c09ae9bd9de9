"""The form for a new API key."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

import reflex as rx

from backend.identity.auth import scopes
from studio.components.elements import field, form_end

SCOPE: Final = "scope:"
"""How the names of the boxes begin."""
UNRESTRICTED: Final = "unrestricted"
"""Name of the box that confirms full access."""


class KeyForm(rx.State):
    """What the form offers for the kind that is chosen."""

    kind: str = "secret"
    areas: list[list[list[str]]] = []
    """The scopes of each area, like `jobs:read`, `jobs:submit`, `jobs:write`, each with what it allows."""

    @rx.event
    def begin(self):
        """Offer what a secret key can have."""
        self.kind, self.areas = "secret", _by_area(scopes.SCOPES)

    @rx.event
    def pick_kind(self, kind: str):
        """Offer what this kind can have."""
        self.kind = kind
        self.areas = _by_area(scopes.OF_PUBLISHABLE if kind == "publishable" else scopes.SCOPES)


def _by_area(names: Iterable[str]) -> list[list[list[str]]]:
    """The scopes of each area, each with what it allows."""
    areas = groupby(sorted(names), lambda scope: scope.partition(":")[0])
    return [[[scope, scopes.SCOPES[scope]] for scope in area] for _, area in areas]


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
        _scopes([]),
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


def scopes_form(changed: Any, on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Return the form for the scopes of the key `changed`."""
    return rx.el.form(
        _scopes(changed.scopes),
        rx.cond(
            changed.kind == "secret",
            rx.el.label(
                rx.el.input(type="checkbox", name=UNRESTRICTED),
                "Full access, if no scope is selected and nothing else limits the key",
                class_name="check",
            ),
        ),
        *form_end(problem, "Save scopes", on_cancel),
        on_submit=on_submit,
        key=changed.id,
        class_name="form",
    )


def _scopes(given: Any) -> rx.Component:
    """Return a box for each scope, those that are given ticked."""
    ticked = rx.Var.create(given)
    return rx.el.fieldset(
        rx.el.legend("Scopes", class_name="label"),
        rx.foreach(
            KeyForm.areas,
            lambda area: rx.el.div(
                rx.foreach(area, lambda scope: _scope(scope, ticked)), class_name="boxes", key=area[0][0]
            ),
        ),
        rx.el.span(
            "None ticked: full access. With skills, a daily cap or an expiry: run skills, read and cancel its own "
            "jobs, and nothing else.",
            class_name="hint",
        ),
        class_name="field",
    )


def _scope(scope: rx.Var[list[str]], ticked: Any) -> rx.Component:
    return rx.el.label(
        rx.el.input(type="checkbox", name=SCOPE + scope[0], default_checked=ticked.contains(scope[0])),
        rx.el.span(scope[0], class_name="mono"),
        class_name="check",
        title=scope[1],
        key=scope[0],
    )
