"""What each job of a schedule may take and cost: fields of its form."""

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
    "cost_usd": _Limit("Most cost, in dollars", "Its job ends before it costs more.", "any"),
    "timeout_s": _Limit("Most time, in seconds", "Of running; waiting does not count.", "any"),
    "memory_mb": _Limit("Most memory, in MB", "Of a function, or of an agent's shell.", "1"),
    "output_mb": _Limit("Largest result, in MB", "Without its files.", "1"),
    "steps": _Limit("Most steps", "Replies of the model, for an agent.", "1"),
    "tokens": _Limit("Most tokens", "Of all its replies, for an agent.", "1"),
}
_FIELD: Final = "limit_"


def asked(typed: dict[str, Any]) -> dict[str, str]:
    """The limits that were typed, as the body of a request has them."""
    given = {name: text(typed, _FIELD + name) for name in LIMITS}
    return {name: value for name, value in given.items() if value}


def shown(limits: dict[str, Any]) -> dict[str, str]:
    """Limits as the fields show them; empty where there is none."""
    return {name: str(limits.get(name, "")).removesuffix(".0") for name in LIMITS}


def fields(limits: rx.Var[dict[str, str]], is_any: rx.Var[bool]) -> rx.Component:
    """A field for each, folded away while none is set."""
    return rx.el.details(
        rx.el.summary("Limits of each job"),
        rx.el.p(
            "Narrower than the skill's own; empty: as the skill says.",
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
                    placeholder="the skill's own",
                )
                for name, one in LIMITS.items()
            ],
            class_name="three",
        ),
        open=is_any,
        class_name="more-filters",
    )
