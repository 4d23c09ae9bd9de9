"""What is shown once: copied, then put away."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.elements import note
from studio.components.live import Confirm, Copy


def shown_once(told: str, what: rx.Var[str], *, name: str, lost: str, on_put_away: Any) -> rx.Component:
    """The text `what`, called `name`; putting it away asks first, and says what is done about a `lost` one."""
    return note(
        rx.el.p(told, class_name="strong"),
        rx.el.div(
            rx.el.code(what, class_name="mono secret", tab_index=0),
            Copy.create(text=what, label=f"Copy the {name}"),
            rx.el.span(class_name="grow"),
            Confirm.create(
                label="Put it away",
                kind="quiet",
                title=f"Have you kept the {name}?",
                text=f"Nobody can show it again. {lost}",
                confirm="I have it",
                on_confirm=on_put_away,
            ),
            class_name="row wrap",
            style={"margin_top": "6px"},
        ),
        state="ok",
    )
