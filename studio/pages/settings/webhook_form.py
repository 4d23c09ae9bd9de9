"""The form that creates or changes a webhook."""

from __future__ import annotations

from typing import Any, Final, get_args

import reflex as rx

from backend.identity.webhook_outbox.outbox import Event
from studio.components.elements import button, field, note
from studio.components.live import Submit

EVENT: Final = "event:"
"""The prefix of the names of the checkboxes of events."""


class WebhookForm(rx.State):
    """The format that is selected in the form."""

    format: str = "json"

    @rx.event
    def pick_format(self, chosen: str) -> None:
        """Show the fields of a format."""
        self.format = chosen


def form(changed: Any, on_submit: Any, on_cancel: Any, problem: rx.Var[str]) -> rx.Component:
    """Render the form with the values of `changed`, whose ID is empty for a new webhook."""
    return rx.el.form(
        field(
            "Send to",
            "format",
            rx.el.select,
            rx.el.option("A server: signed JSON", value="json"),
            rx.el.option("A chat: incoming webhook of Slack, Mattermost, Discord…", value="slack"),
            rx.el.option("E-mail", value="email"),
            value=WebhookForm.format,
            on_change=WebhookForm.pick_format,
            disabled=changed.id != "",
        ),
        rx.cond(WebhookForm.format == "email", _address(changed), _url(changed)),
        _events(changed),
        field(
            "Skills",
            "skills",
            rx.el.input,
            hint="Send events about skills only for these skills, separated by commas. Leave empty for all skills.",
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
            placeholder="What receives the events",
            auto_complete="off",
        ),
        rx.cond(problem != "", note(problem, state="fail")),
        rx.el.div(
            Submit.create(label=rx.cond(changed.id != "", "Save", "Create webhook")),
            button("Cancel", kind="quiet", on_click=on_cancel),
            class_name="row",
        ),
        on_submit=on_submit,
        key=changed.id,
        class_name="form",
    )


def _url(changed: Any) -> rx.Component:
    return field(
        "URL",
        "url",
        rx.el.input,
        hint=rx.cond(
            WebhookForm.format == "slack",
            "The URL of the incoming webhook, as the chat shows it. For Discord, add /slack.",
            "An https or http URL on the public internet. Redirects are not followed.",
        ),
        class_name="in mono",
        type="url",
        max_length=2_000,
        default_value=changed.url,
        placeholder="https://app.example.org/puras",
        required=True,
        auto_complete="off",
    )


def _address(changed: Any) -> rx.Component:
    return field(
        "Address",
        "address",
        rx.el.input,
        hint="The e-mail address of a member of this project.",
        type="email",
        max_length=320,
        default_value=changed.address,
        placeholder="name@example.org",
        required=True,
        auto_complete="off",
    )


def _events(changed: Any) -> rx.Component:
    checkboxes = [
        rx.el.label(
            rx.el.input(type="checkbox", name=EVENT + event, default_checked=changed.events.contains(event)),
            rx.el.span(event, class_name="mono"),
            class_name="check",
        )
        for event in get_args(Event)
    ]
    return rx.el.fieldset(
        rx.el.legend("Events", class_name="label"),
        rx.el.div(*checkboxes, class_name="boxes"),
        rx.el.span("Leave empty to send all events.", class_name="hint"),
        class_name="field",
    )
