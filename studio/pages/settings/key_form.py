"""The form for a new API key."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any, Final

import reflex as rx

from backend.identity.auth import scopes
from backend.identity.environments import PRODUCTION
from studio import environments
from studio.components.elements import field, form_end
from studio.typing_of_reflex import Handled, as_var

SCOPE: Final = "scope:"
"""The prefix of the names of the checkboxes of scopes."""
UNRESTRICTED: Final = "unrestricted"
"""The name of the checkbox that confirms full access."""


class KeyForm(rx.State):
    """The options of the form for the selected kind of key."""

    kind: str = "secret"
    areas: list[list[list[str]]] = []
    """The scopes grouped by area, such as `jobs:read`, `jobs:submit` and `jobs:write`, each with its description."""
    preset: str = ""
    """The selected preset; empty if the user has selected single scopes."""
    chosen: list[str] = []
    """The scopes of the preset that was selected last."""
    description: str = ""
    """The description of the preset."""
    picks: int = 0
    """Counts the selections of presets, which replace the check marks of the scopes."""
    environment: str = PRODUCTION

    @rx.event
    def begin(self) -> Handled:
        """Offer the options of a secret key of production."""
        return KeyForm.offer("secret", PRODUCTION)

    @rx.event
    def pick_kind(self, kind: str) -> Handled:
        """Offer the options of a kind of key."""
        return KeyForm.offer(kind, self.environment)

    @rx.event
    def pick_environment(self, environment: str) -> None:
        """Offer the scopes that keys of an environment can have."""
        self.environment = environment
        self.areas = _by_area(self._possible())
        if self.preset:
            self._check_preset(self.preset)

    @rx.event
    def offer(self, kind: str, environment: str) -> None:
        """Offer the scopes that such a key can have, and check those of the narrowest preset."""
        self.kind, self.environment = kind, environment
        self.areas = _by_area(self._possible())
        if kind == "secret":
            self._check_preset(scopes.PRESETS[0].name)
        else:
            self.preset, self.chosen, self.picks = "", [], self.picks + 1

    @rx.event
    def pick_preset(self, name: str) -> None:
        """Check the scopes of a preset."""
        self._check_preset(name)

    @rx.event
    def customize(self, _: bool) -> None:
        """Show that the scopes are no longer those of a preset."""
        self.preset, self.description = "", "The scopes that are selected below."

    def _check_preset(self, name: str) -> None:
        preset = next((one for one in scopes.PRESETS if one.name == name), None)
        self.preset, self.description = name, preset.description if preset else ""
        if preset:
            possible = self._possible()
            self.chosen, self.picks = [one for one in preset.scopes if one in possible], self.picks + 1

    def _possible(self) -> frozenset[str]:
        offered = scopes.offered("publishable" if self.kind == "publishable" else "secret", self.environment)
        return offered - {scopes.ANONYMOUS_SESSIONS}


def _by_area(names: Iterable[str]) -> list[list[list[str]]]:
    """Return the scopes grouped by area, each with its description."""
    areas = groupby(sorted(names), lambda scope: scope.partition(":")[0])
    return [[[scope, scopes.SCOPES[scope]] for scope in area] for _, area in areas]


def form(on_submit: Any, on_cancel: Any, problem: rx.Var[str], existing: Any) -> rx.Component:
    """Render the form with the name, kind and restrictions of a new key, which can replace one of `existing`."""
    return rx.el.form(
        field(
            "Name",
            "name",
            rx.el.input,
            max_length=200,
            placeholder="Where the key is used",
            auto_complete="off",
            auto_focus=True,
        ),
        field(
            "Kind",
            "kind",
            rx.el.select,
            rx.el.option("Secret: for your servers", value="secret"),
            rx.el.option("Publishable: for browsers and apps", value="publishable"),
            hint="A publishable key can only submit jobs and read its own jobs.",
            value=KeyForm.kind,
            on_change=KeyForm.pick_kind,
        ),
        field(
            "Environment",
            "environment",
            rx.el.select,
            *environments.options(),
            value=KeyForm.environment,
            on_change=KeyForm.pick_environment,
            hint="Jobs of the key run the active version of this environment with its secrets. A key of development or "
            "staging cannot change production.",
        ),
        _presets(),
        rx.cond(KeyForm.kind == "publishable", _visitors([])),
        rx.el.details(
            rx.el.summary("Advanced: single scopes"),
            _scopes(KeyForm.chosen, on_change=KeyForm.customize),
            class_name="field",
        ),
        field(
            "Skills",
            "skill_allowlist",
            rx.el.input,
            hint="Skills that the key can run, separated by commas: skill, skillpack/skill or */skill. Leave empty to "
            "allow all skills.",
            class_name="in mono",
            auto_complete="off",
            spell_check=False,
        ),
        rx.el.div(
            field(
                "Daily spend limit (USD)",
                "daily_cap",
                rx.el.input,
                type="number",
                min=0,
                step="0.01",
                placeholder="No limit",
            ),
            field(
                "Requests per minute",
                "requests_per_minute",
                rx.el.input,
                type="number",
                min=1,
                placeholder="Instance default",
            ),
            field(
                "Expires after", "expires_on", rx.el.input, hint="At the end of this day (UTC).", type="date"
            ),
            class_name="three",
        ),
        field(
            "Replaces",
            "replaces",
            rx.el.select,
            rx.el.option("No key", value=""),
            rx.foreach(existing, _replaceable),
            hint="The new key sees the chats of the key that it replaces, and of its end users. Revoke the old key "
            "when your programs use the new one.",
        ),
        *form_end(problem, "Create API key", on_cancel),
        on_submit=on_submit,
        class_name="form",
    )


def _presets() -> rx.Component:
    """Return the selection of a preset for a secret key; publishable keys have few scopes."""
    options = [rx.el.option(one.title, value=one.name) for one in scopes.PRESETS]
    return rx.cond(
        KeyForm.kind == "secret",
        field(
            "Permissions",
            "preset",
            rx.el.select,
            *options,
            rx.el.option("Selected scopes", value=""),
            hint=KeyForm.description,
            value=KeyForm.preset,
            on_change=KeyForm.pick_preset,
        ),
    )


def _replaceable(row: Any) -> rx.Component:
    label = rx.cond(row.name != "", row.name + " · ", "") + row.prefix + ".…"
    return rx.cond(row.kind == KeyForm.kind, rx.el.option(label, value=row.id, key=row.id))


def scopes_form(changed: Any, on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Return the form for the scopes of the key `changed`."""
    return rx.el.form(
        _scopes(changed.scopes),
        rx.cond(changed.kind == "publishable", _visitors(changed.scopes)),
        rx.cond(
            changed.kind == "secret",
            rx.el.label(
                rx.el.input(type="checkbox", name=UNRESTRICTED),
                "Full access, if no scope is selected and the key has no other restrictions",
                class_name="check",
            ),
        ),
        *form_end(problem, "Save scopes", on_cancel),
        on_submit=on_submit,
        key=changed.id,
        class_name="form",
    )


def _visitors(given: Any) -> rx.Component:
    """Return the check box with which the page of a shared link offers a chat."""
    return rx.el.label(
        rx.el.input(
            type="checkbox",
            name=SCOPE + scopes.ANONYMOUS_SESSIONS,
            default_checked=rx.Var.create(given).contains(scopes.ANONYMOUS_SESSIONS),
        ),
        "Visitors may chat with agents, without signing in",
        class_name="check",
    )


def _scopes(given: Any, on_change: Any = None) -> rx.Component:
    """Return a checkbox for each scope; those in `given` are checked."""
    checked = rx.Var.create(given)
    handlers = {} if on_change is None else {"on_change": on_change}
    return rx.el.fieldset(
        rx.el.legend("Scopes", class_name="label"),
        rx.foreach(
            KeyForm.areas,
            lambda area: rx.el.div(
                rx.foreach(area, lambda scope: _scope(scope, checked, handlers)),
                class_name="boxes",
                key=area[0][0],
            ),
        ),
        rx.el.span(
            "Leave empty for full access. A key without scopes but with skills, a daily spend limit or an expiry "
            "date can only run skills, and read and cancel its own jobs.",
            class_name="hint",
        ),
        class_name="field",
    )


def _scope(scope: rx.Var[list[str]], checked: Any, handlers: dict[str, Any]) -> rx.Component:
    return rx.el.label(
        rx.el.input(
            type="checkbox",
            name=SCOPE + scope[0],
            default_checked=checked.contains(scope[0]),
            key=scope[0] + as_var(KeyForm.picks).to_string(),
            **handlers,
        ),
        rx.el.span(scope[0], class_name="mono"),
        class_name="check",
        title=scope[1],
        key=scope[0],
    )
