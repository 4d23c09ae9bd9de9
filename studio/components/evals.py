"""Wrappers of the widgets of evals."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.event_arguments import one


class Trend(rx.Component):
    """A chart of the mean scores of suites, oldest first; each point has `id`, `version`, `score`, `is_baseline`."""

    library = "$/public/ui/evals/trend.tsx"
    tag = "Trend"
    points: rx.Var[list[Any]]


class Approvals(rx.Component):
    """The pending approvals of a job with their buttons; `on_decided` receives the ID of a decided one."""

    library = "$/public/ui/approvals.tsx"
    tag = "Approvals"
    approvals: rx.Var[list[dict[str, Any]]]
    project: rx.Var[str]
    csrf: rx.Var[str]
    can_write: rx.Var[bool]
    on_decided: rx.EventHandler[one]
    on_error: rx.EventHandler[one]
