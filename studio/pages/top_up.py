"""The form with which an operator adds credit to a wallet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import reflex as rx

from backend.administration.admin.schemas import TopUpCreate
from studio.components.elements import field, form_end
from studio.forms import micros, parsed, text


def parse(fields: Mapping[str, Any]) -> TopUpCreate:
    """Return the submitted form as a request body.

    Raises:
        Invalid: The amount is not a number, or it is out of range.
    """
    amount = micros(fields, "amount")
    return parsed(TopUpCreate, {"amount_usd": (amount or 0) / 1e6, "note": text(fields, "note")})


def form(project: Any, on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Render the form with the amount and a note."""
    return rx.el.form(
        rx.el.p("Add credit to ", rx.el.span(project, class_name="mono strong"), class_name="t2"),
        rx.el.div(
            field(
                "Amount (USD)",
                "amount",
                rx.el.input,
                type="number",
                min=0.01,
                step="0.01",
                required=True,
                auto_focus=True,
            ),
            field("Note", "note", rx.el.input, max_length=200, auto_complete="off"),
            class_name="three",
        ),
        *form_end(problem, "Add credit", on_cancel),
        on_submit=on_submit,
        class_name="form",
    )
