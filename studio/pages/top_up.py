"""The form with which an operator puts money into a project's wallet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import reflex as rx

from backend.administration.admin.schemas import TopUpCreate
from studio.components.elements import field, form_end
from studio.forms import micros, parsed, text


def asked(typed: Mapping[str, Any]) -> TopUpCreate:
    """What was typed, as the body of a request would be.

    Raises:
        Invalid: it is no amount, or not a possible one.
    """
    amount = micros(typed, "amount")
    return parsed(TopUpCreate, {"amount_usd": (amount or 0) / 1e6, "note": text(typed, "note")})


def form(project: Any, on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Amount and reason."""
    return rx.el.form(
        rx.el.p("Money for ", rx.el.span(project, class_name="mono strong"), class_name="t2"),
        rx.el.div(
            field(
                "Dollars",
                "amount",
                rx.el.input,
                type="number",
                min=0.01,
                step="0.01",
                required=True,
                auto_focus=True,
            ),
            field("Why, for the ledger", "note", rx.el.input, max_length=200, auto_complete="off"),
            class_name="three",
        ),
        *form_end(problem, "Put it in", on_cancel),
        on_submit=on_submit,
        class_name="form",
    )
