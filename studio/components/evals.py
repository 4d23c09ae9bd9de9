"""Wrapper of the JSX in `assets/ui/evals`."""

from __future__ import annotations

import reflex as rx


class EvalBoard(rx.Component):
    """The evals of a skillpack: suites by version and model, cases, gates and insights.

    `push` and `suite` are code snippets that publish a version and run a suite.
    """

    library = "$/public/ui/evals/evals.jsx"
    tag = "Evals"
    project: rx.Var[str]
    csrf: rx.Var[str]
    skillpack: rx.Var[str]
    can_write: rx.Var[bool]
    push: rx.Var[dict[str, str]]
    suite: rx.Var[dict[str, str]]
