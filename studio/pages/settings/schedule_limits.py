"""The fields of the form of a schedule for the limits of its jobs."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import reflex as rx

from studio.components.elements import field
from studio.forms import text


class _Limit(NamedTuple):
    label: str
    hint: str
    step: str


LIMITS: Final = {
    "cost_usd": _Limit("Maximum cost (USD)", "The job fails before it costs more.", "any"),
    "timeout_s": _Limit("Timeout (seconds)", "Maximum run time, without waiting time.", "any"),
    "memory_mb": _Limit("Maximum memory (MB)", "For a function, or the shell of an agent.", "1"),
    "output_mb": _Limit("Maximum result size (MB)", "Without files.", "1"),
    "steps": _Limit("Maximum steps", "Replies of the model of an agent.", "1"),
    "tokens": _Limit("Maximum tokens", "Tokens of all replies of an agent.", "1"),
}
_FIELD: Final = "limit_"


def parse(typed: dict[str, Any]) -> dict[str, str]:
    """Return the limits in the submitted form as part of a request body."""
    given = {name: text(typed, _FIELD + name) for name in LIMITS}
    return {name: value for name, value in given.items() if value}


def shown(limits: dict[str, Any]) -> dict[str, str]:
    """Return the values of the fields for the given limits; a field without a limit is empty."""
    return {name: str(limits.get(name, "")).removesuffix(".0") for name in LIMITS}


def fields(limits: rx.Var[dict[str, str]], is_any: rx.Var[bool]) -> rx.Component:
    """Render the fields, collapsed if no limit is set."""
    return rx.el.details(
        rx.el.summary("Job limits"),
        rx.el.p(
            "Limits below those of the skill. Leave a field empty to use the limit of the skill.",
            class_name="t3",
            style={"margin": "6px 0 8px"},
        ),
        rx.el.div(
            *[
                field(
                    one.label,
                    _FIELD + name,
                    rx.el.input,
                    hint=one.hint,
                    type="number",
                    min=0,
                    step=one.step,
                    default_value=limits[name],
                    placeholder="Limit of the skill",
                )
                for name, one in LIMITS.items()
            ],
            class_name="three",
        ),
        open=is_any,
        class_name="more-filters",
    )
