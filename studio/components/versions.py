"""Wrappers of the JSX in `assets/ui/versions`: differences between versions, and their eval gates."""

from __future__ import annotations

from typing import Any

import reflex as rx


def _one(state: rx.Var[Any]) -> list[rx.Var[Any]]:
    return [state]


class Diff(rx.Component):
    """The differences between two texts, with unchanged lines collapsed. None stands for a missing text."""

    library = "$/public/ui/versions/diff.tsx"
    tag = "Diff"
    before: rx.Var[str | None]
    after: rx.Var[str | None]
    label: rx.Var[str]


class Comparison(rx.Component):
    """The changes from version `base` to `head`: breaking changes, other changes, and the differences of files."""

    library = "$/public/ui/versions/comparison.tsx"
    tag = "Comparison"
    project: rx.Var[str]
    skillpack: rx.Var[str]
    base: rx.Var[str]
    head: rx.Var[str]


class Gate(rx.Component):
    """The live state of the eval gates of a version; `on_settled` receives the final state."""

    library = "$/public/ui/versions/gate.tsx"
    tag = "Gate"
    project: rx.Var[str]
    csrf: rx.Var[str]
    skillpack: rx.Var[str]
    deployment: rx.Var[str]
    can_write: rx.Var[bool]
    can_manage: rx.Var[bool]
    on_settled: rx.EventHandler[_one]
