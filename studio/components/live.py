"""Wrappers of our own JSX in `assets/ui`: what needs the browser's clock, a stream, or a schema known at run time."""

from __future__ import annotations

from typing import Any

import reflex as rx


def _no_arguments() -> list[Any]:
    return []


def _one(value: rx.Var[Any]) -> list[rx.Var[Any]]:
    return [value]


class Ago(rx.Component):
    """How long ago a moment was; the exact one on hover."""

    library = "$/public/ui/time.jsx"
    tag = "Ago"
    moment: rx.Var[str]


class Elapsed(rx.Component):
    """Time from `start` to `end`; ticks while there is no end."""

    library = "$/public/ui/time.jsx"
    tag = "Elapsed"
    start: rx.Var[str]
    end: rx.Var[str]


class Pulse(rx.Component):
    """Calls `on_beat` every so many seconds while somebody looks at the page."""

    library = "$/public/ui/time.jsx"
    tag = "Pulse"
    seconds: rx.Var[float]
    on_beat: rx.EventHandler[_no_arguments]


class Copy(rx.Component):
    """A button that copies a text."""

    library = "$/public/ui/controls.jsx"
    tag = "Copy"
    text: rx.Var[str]
    label: rx.Var[str]
    bare: rx.Var[bool]


class Confirm(rx.Component):
    """A button that asks before it acts; `typed` is what must be typed first, where that is not empty."""

    library = "$/public/ui/controls.jsx"
    tag = "Confirm"
    label: rx.Var[str]
    title: rx.Var[str]
    text: rx.Var[str]
    confirm: rx.Var[str]
    kind: rx.Var[str]
    typed: rx.Var[str]
    disabled: rx.Var[bool]
    on_confirm: rx.EventHandler[_no_arguments]


class Tabs(rx.Component):
    """A list of tabs with arrow keys; `items` are `{id, label}`."""

    library = "$/public/ui/controls.jsx"
    tag = "Tabs"
    items: rx.Var[list[dict[str, str]]]
    current: rx.Var[str]
    label: rx.Var[str]
    on_pick: rx.EventHandler[_one]


class Json(rx.Component):
    """JSON, coloured."""

    library = "$/public/ui/value.jsx"
    tag = "Json"
    value: rx.Var[Any]


class Value(rx.Component):
    """A value as its schema says it should be seen."""

    library = "$/public/ui/value.jsx"
    tag = "Value"
    value: rx.Var[Any]
    schema: rx.Var[dict[str, Any]]
    project: rx.Var[str]
    outputs: rx.Var[list[dict[str, Any]]]


class SchemaForm(rx.Component):
    """A form made from an input schema, with raw JSON beside it."""

    library = "$/public/ui/form.jsx"
    tag = "SchemaForm"
    schema: rx.Var[dict[str, Any]]
    value: rx.Var[dict[str, Any]]
    rev: rx.Var[int]
    errors: rx.Var[dict[str, str]]
    project: rx.Var[str]
    csrf: rx.Var[str]
    busy: rx.Var[bool]
    on_run: rx.EventHandler[_one]


class BundleDrop(rx.Component):
    """Where a bundle is dropped to be published."""

    library = "$/public/ui/bundle.jsx"
    tag = "BundleDrop"
    project: rx.Var[str]
    csrf: rx.Var[str]
    on_published: rx.EventHandler[_one]


class Timeline(rx.Component):
    """A job's events as they happen."""

    library = "$/public/ui/events.jsx"
    tag = "Timeline"
    src: rx.Var[str]


class Logs(rx.Component):
    """What a job printed and logged, as it happens."""

    library = "$/public/ui/events.jsx"
    tag = "Logs"
    src: rx.Var[str]


class Turns(rx.Component):
    """Shows nothing; tells when a job's state has changed since the event `after`."""

    library = "$/public/ui/events.jsx"
    tag = "Turns"
    src: rx.Var[str]
    after: rx.Var[int]
    on_turn: rx.EventHandler[_one]


class ToSignIn(rx.Component):
    """Leaves for the sign-in form."""

    library = "$/public/ui/leave.jsx"
    tag = "ToSignIn"


class StaySignedIn(rx.Component):
    """Shows nothing; leaves for the sign-in form when the page's line is `off` because the session has ended."""

    library = "$/public/ui/leave.jsx"
    tag = "StaySignedIn"
    off: rx.Var[bool]


class SignOut(rx.Component):
    """The form that ends the session: a row of the sidebar, or a `button`."""

    library = "$/public/ui/leave.jsx"
    tag = "SignOut"
    csrf: rx.Var[str]
    button: rx.Var[bool]
