"""The wrapper of our own JSX in `assets/ui/evals`."""

from __future__ import annotations

import reflex as rx


class EvalBoard(rx.Component):
    """The evals of a skillpack: suites by version and model, cases, gates, findings.

    `push` and `suite` are how its first version and a suite are made from code.
    """

    library = "$/public/ui/evals/evals.jsx"
    tag = "Evals"
    project: rx.Var[str]
    csrf: rx.Var[str]
    skillpack: rx.Var[str]
    can_write: rx.Var[bool]
    push: rx.Var[dict[str, str]]
    suite: rx.Var[dict[str, str]]
