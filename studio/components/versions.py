"""Wrappers of our own JSX in `assets/ui/versions`: what differs between versions, and their gates."""

from __future__ import annotations

from typing import Any

import reflex as rx


def _none() -> list[Any]:
    return []


def _one(state: rx.Var[Any]) -> list[rx.Var[Any]]:
    return [state]


class Check(rx.Component):
    """A box that shows at once what was chosen."""

    library = "$/public/ui/controls.jsx"
    tag = "Check"
    checked: rx.Var[bool]
    label: rx.Var[str]
    on_change: rx.EventHandler[_none]


class Diff(rx.Component):
    """Two texts as one list of lines; what did not change folds away. None is a text that is not there."""

    library = "$/public/ui/versions/diff.jsx"
    tag = "Diff"
    before: rx.Var[str | None]
    after: rx.Var[str | None]
    label: rx.Var[str]


class Comparison(rx.Component):
    """What the version `head` changes over `base`: what breaks callers, the other changes, files line by line."""

    library = "$/public/ui/versions/comparison.jsx"
    tag = "Comparison"
    project: rx.Var[str]
    skillpack: rx.Var[str]
    base: rx.Var[str]
    head: rx.Var[str]


class Gate(rx.Component):
    """How a version stands with the gates of its skills, as it happens; `on_settled` gets the state in the end."""

    library = "$/public/ui/versions/gate.jsx"
    tag = "Gate"
    project: rx.Var[str]
    csrf: rx.Var[str]
    skillpack: rx.Var[str]
    deployment: rx.Var[str]
    can_write: rx.Var[bool]
    can_manage: rx.Var[bool]
    on_settled: rx.EventHandler[_one]
