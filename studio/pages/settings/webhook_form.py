"""The form of a webhook, new or changed."""

from __future__ import annotations

from typing import Any, Final, get_args

import reflex as rx

from backend.identity.webhook_outbox.outbox import Event
from studio.components.elements import button, field, note
from studio.components.live import Submit

EVENT: Final = "event:"
"""How the names of the boxes begin."""


def form(changed: Any, on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Address and what it is told of; filled with `changed`, which has no id for a new one."""
    return rx.el.form(
        field(
            "Address",
            "url",
            rx.el.input,
            hint="https or http, on the internet. Redirects are not followed.",
            class_name="in mono",
            type="url",
            max_length=2_000,
            default_value=changed.url,
            placeholder="https://app.example.org/puras",
            required=True,
            auto_complete="off",
            auto_focus=True,
        ),
        _events(changed),
        field(
            "Skills",
            "skills",
            rx.el.input,
            hint="Of events that concern a skill, those of these alone, with commas between. Empty: of all.",
            class_name="in mono",
            default_value=changed.skills,
            auto_complete="off",
            spell_check=False,
        ),
        field(
            "Description",
            "description",
            rx.el.input,
            max_length=500,
            default_value=changed.description,
            placeholder="What listens there",
            auto_complete="off",
        ),
        rx.cond(problem != "", note(problem, state="fail")),
        rx.el.div(
            Submit.create(label=rx.cond(changed.id != "", "Save", "Make the webhook")),
            button("Cancel", kind="quiet", on_click=on_cancel),
            class_name="row",
        ),
        on_submit=on_submit,
        key=changed.id,
        class_name="form",
    )


def _events(changed: Any) -> rx.Component:
    boxes = [
        rx.el.label(
            rx.el.input(type="checkbox", name=EVENT + event, default_checked=changed.events.contains(event)),
            rx.el.span(event, class_name="mono"),
            class_name="check",
        )
        for event in get_args(Event)
    ]
    return rx.el.fieldset(
        rx.el.legend("Events", class_name="label"),
        rx.el.div(*boxes, class_name="boxes"),
        rx.el.span("None ticked: every one.", class_name="hint"),
        class_name="field",
    )
