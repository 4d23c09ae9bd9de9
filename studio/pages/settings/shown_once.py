"""A secret text that is shown once, so that the user can copy it."""

from __future__ import annotations

from typing import Any

import reflex as rx

from studio.components.elements import note
from studio.components.live import Confirm, Copy


def shown_once(
    notice: str, value: rx.Var[str], *, name: str, lost: str, on_done: Any, more: rx.Component | None = None
) -> rx.Component:
    """Render a text that is shown once.

    Args:
        notice: The notice above the text.
        value: The text.
        name: The noun for the text, such as `key`.
        lost: A text about the recovery of a lost text.
        on_done: The event after the user has confirmed that the text is saved.
        more: What follows below the text.
    """
    return note(
        rx.el.p(notice, class_name="strong"),
        rx.el.div(
            rx.el.code(value, class_name="mono secret", tab_index=0),
            Copy.create(text=value, label=f"Copy {name}"),
            rx.el.span(class_name="grow"),
            Confirm.create(
                label="Done",
                kind="quiet",
                title=f"Have you saved the {name}?",
                text=f"The {name} cannot be shown again. {lost}",
                confirm=f"I have saved the {name}",
                on_confirm=on_done,
            ),
            class_name="row wrap",
            style={"margin_top": "6px"},
        ),
        *([more] if more is not None else []),
        state="ok",
    )
