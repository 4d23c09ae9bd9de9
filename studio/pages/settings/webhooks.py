"""The webhooks of the project, with their state and deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.core.errors import Conflict, Invalid
from backend.identity.auth.principal import Role
from backend.identity.webhook_outbox.tables import Webhook
from backend.integrations.webhooks import deliveries, recipients, service
from backend.integrations.webhooks.addresses import Receivers
from backend.integrations.webhooks.schemas import SecretRotation, WebhookCreate, WebhookUpdate
from studio import session
from studio.components.elements import action, button, note, section, tag
from studio.components.live import Ago, Confirm, Pulse
from studio.formatting import moment
from studio.forms import parsed, said, text
from studio.pages.settings.deliveries import Deliveries, log_of
from studio.pages.settings.for_roles import for_developers
from studio.pages.settings.from_code import none_yet
from studio.pages.settings.shown_once import shown_once
from studio.pages.settings.webhook_form import EVENT, WebhookForm, form
from studio.shell import Shell
from studio.typing_of_reflex import Handled, as_var

REFRESH_S: Final = 3


@dataclass
class WebhookRow:
    """The data of a webhook in the list."""

    id: str
    url: str
    format: str
    address: str
    """The recipient of e-mail; empty for other formats."""
    description: str
    events: list[str]
    """The events that are sent; an empty list stands for all events."""
    skills: str
    is_enabled: bool
    why_off: str
    failing_since: str
    previous_until: str
    """The time until which the previous secret also signs."""


NO_WEBHOOK: Final = WebhookRow("", "", "json", "", "", [], "", True, "", "", "")


class Webhooks(rx.State):
    """The webhooks of a project."""

    rows: list[WebhookRow] = []
    fresh: str = ""
    """The secret that was created last, until the user dismisses it."""
    is_making: bool = False
    changed: WebhookRow = NO_WEBHOOK
    """The webhook in the form; its ID is empty for a new one."""
    problem: str = ""
    is_loaded: bool = False

    @rx.event
    async def load(self) -> Handled:
        """Load the webhooks, if the user has the permission, and the deliveries of the webhook in the URL."""
        log = await self.get_state(Deliveries)
        fresh = self.fresh if log.is_toggling else ""
        self.reset()
        self.fresh = fresh
        await self._read()
        self.is_loaded = True
        return Deliveries.load

    @rx.event
    async def refresh(self) -> None:
        """Reload the webhooks while the page is visible."""
        if self.is_loaded:
            await self._read()

    @rx.event
    def begin(self) -> Handled:
        """Show the form for a new webhook."""
        self.is_making, self.problem, self.fresh = True, "", ""
        self.changed = NO_WEBHOOK
        return WebhookForm.pick_format("json")

    @rx.event
    def edit(self, webhook_id: str) -> Handled:
        """Show the form of an existing webhook."""
        self._show_form(webhook_id)
        return WebhookForm.pick_format(self.changed.format)

    @rx.event
    def cancel(self) -> None:
        """Close the form."""
        self.is_making, self.problem = False, ""

    @rx.event
    async def save(self, typed: dict[str, Any]) -> None:
        """Create a webhook and show its secret, or change a webhook."""
        self.problem = ""
        context = session.context()
        allowed = Receivers.of(context.settings)
        body = _body(typed)
        try:
            async with session.acting(self, self.project, once=typed) as act:
                if self.changed.id:
                    changes, webhook_id = parsed(WebhookUpdate, body), UUID(self.changed.id)
                    await service.change(act.session, act.principal, webhook_id, changes, allowed=allowed)
                else:
                    create = parsed(WebhookCreate, body | {"format": text(typed, "format")})
                    created = await service.create(
                        act.session, context.vault, act.principal, create, allowed=allowed
                    )
                    self.fresh = created.secret if create.format == "json" else ""
        except (Conflict, Invalid) as refused:
            self.problem, self.fresh = said(refused), ""
            return
        self.is_making = False
        await self._read()

    @rx.event
    def dismiss_secret(self) -> None:
        """Hide the secret."""
        self.fresh = ""

    @rx.event
    async def rotate(self, webhook_id: str, key: str) -> None:
        """Create and show a new secret; the previous one also signs for one day."""
        vault = session.context().vault
        async with session.acting(self, self.project, once=key) as act:
            rotated = await service.rotate(
                act.session, vault, act.principal, UUID(webhook_id), SecretRotation()
            )
            self.fresh = rotated.secret
        await self._read()

    @rx.event
    async def switch(self, webhook_id: str, is_on: bool) -> None:
        """Resume or pause a webhook."""
        allowed = Receivers.of(session.context().settings)
        changes = WebhookUpdate(enabled=is_on)
        try:
            async with session.acting(self, self.project) as act:
                await service.change(act.session, act.principal, UUID(webhook_id), changes, allowed=allowed)
        # The operator may have reduced the allowed hosts, so the form is opened to change the URL.
        except Invalid as refused:
            self._show_form(webhook_id, problem=said(refused))
        await self._read()

    @rx.event
    async def send_test(self, webhook_id: str, key: str) -> Handled:
        """Send a test event, and show its delivery."""
        async with session.acting(self, self.project, once=key) as act:
            await deliveries.test(act.session, act.principal, UUID(webhook_id))
        return Deliveries.open(webhook_id)

    @rx.event
    async def delete(self, webhook_id: str) -> None:
        """Delete a webhook and its deliveries."""
        async with session.acting(self, self.project) as act:
            await service.delete(act.session, act.principal, UUID(webhook_id))
        await self._read()

    def _show_form(self, webhook_id: str, *, problem: str = "") -> None:
        self.problem, self.is_making = problem, True
        self.changed = next(row for row in self.rows if row.id == webhook_id)

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            if act.principal.role < Role.DEVELOPER:
                return
            found = await service.list_all(act.session, act.principal)
        zone = (await self.get_state(Shell)).time_zone
        rows = [_row(one, zone) for one in found]
        if rows != self.rows:
            self.rows = rows


def _body(typed: dict[str, Any]) -> dict[str, Any]:
    address = text(typed, "address")
    return {
        "url": f"mailto:{address}" if address else text(typed, "url"),
        "description": text(typed, "description"),
        "events": [name.removeprefix(EVENT) for name in typed if name.startswith(EVENT)],
        "skills": text(typed, "skills").replace(",", " ").split(),
    }


def _row(webhook: Webhook, zone: str) -> WebhookRow:
    until = webhook.previous_until
    return WebhookRow(
        id=str(webhook.id),
        url=webhook.url,
        format=webhook.format,
        address=recipients.address_of(webhook.url) or "",
        description=webhook.description,
        events=list(webhook.events),
        skills=", ".join(webhook.skills),
        is_enabled=webhook.enabled,
        why_off=webhook.disabled_reason,
        failing_since=webhook.failing_since.isoformat() if webhook.failing_since else "",
        previous_until=moment(until, zone) if until else "",
    )


def pane() -> rx.Component:
    """Render the webhooks with their deliveries, and the form."""
    new = button("New webhook", icon="plus", kind="pri", on_click=Webhooks.begin, disabled=Webhooks.is_making)
    title = rx.cond(Webhooks.changed.id != "", "Edit webhook", "New webhook")
    shown = rx.fragment(
        Pulse.create(seconds=REFRESH_S, on_tick=[Webhooks.refresh, Deliveries.refresh]),
        rx.cond(Webhooks.fresh != "", _fresh()),
        rx.cond(
            Webhooks.is_making,
            section(title, form(Webhooks.changed, Webhooks.save, Webhooks.cancel, Webhooks.problem)),
        ),
        section(
            "Webhooks",
            rx.cond(
                as_var(Webhooks.rows).length() > 0,
                rx.el.ul(rx.foreach(Webhooks.rows, _webhook), class_name="entries", aria_label="Webhooks"),
                _none(),
            ),
            actions=[new],
        ),
    )
    return for_developers(Webhooks.is_loaded, shown, "view and create webhooks")


def _none() -> rx.Component:
    return none_yet(
        "No webhooks yet. A webhook notifies your server, a chat or a member by e-mail when a job finishes or waits "
        "for approval, when a version becomes active, when an alert is raised, and when a budget reaches its alert "
        "threshold. Requests to a server are signed, and failed deliveries are retried for three days.",
    )


def _fresh() -> rx.Component:
    return shown_once(
        "Signing secret created. Copy it now: it is shown only once. Your server verifies requests with it.",
        Webhooks.fresh,
        name="secret",
        lost="If you lose the secret, rotate it. The previous secret also signs for one day.",
        on_done=Webhooks.dismiss_secret,
    )


def _webhook(row: rx.Var[WebhookRow]) -> rx.Component:
    is_open = Deliveries.webhook_id == row.id
    return rx.el.li(
        rx.el.div(
            rx.el.span(
                rx.cond(row.address != "", row.address, row.url), class_name="strong mono cut", title=row.url
            ),
            rx.match(row.format, ("slack", tag("chat")), ("email", tag("e-mail")), rx.fragment()),
            _state(row),
            rx.el.span(class_name="grow"),
            rx.cond(
                is_open,
                button("Hide deliveries", kind="small", on_click=Deliveries.close, aria_expanded="true"),
                button(
                    "Show deliveries", kind="small", on_click=Deliveries.open(row.id), aria_expanded="false"
                ),
            ),
            action(
                "Send test event",
                kind="small",
                on_act=lambda key: Webhooks.send_test(row.id, key),
                disabled=~row.is_enabled,
            ),
            _acts(row),
            class_name="row wrap",
        ),
        rx.cond(row.description != "", rx.el.p(row.description, class_name="t2")),
        rx.el.p(
            rx.cond(row.events.length() > 0, row.events.join(", "), "All events"),
            rx.cond(row.skills != "", " for the skills " + row.skills, ""),
            class_name="t3",
        ),
        rx.cond(row.why_off != "", note(row.why_off, state="fail")),
        rx.cond(
            row.previous_until != "",
            rx.el.p("The previous secret also signs until ", row.previous_until, ".", class_name="t3"),
        ),
        rx.cond(is_open, log_of()),
        key=row.id,
    )


def _state(row: rx.Var[WebhookRow]) -> rx.Component:
    failing = rx.el.span(
        tag("failing"), rx.el.span(Ago.create(moment=row.failing_since), class_name="t3"), class_name="row"
    )
    return rx.cond(
        row.is_enabled,
        rx.cond(row.failing_since != "", failing, tag("enabled", state="ok")),
        tag("paused"),
    )


def _rotation(row: rx.Var[WebhookRow]) -> rx.Component:
    return Confirm.create(
        label="Rotate secret",
        kind="small",
        title="Create a new signing secret?",
        text="The new secret is shown once. The previous secret also signs for one day, so that you can update "
        "your server.",
        confirm="Create new secret",
        on_confirm=lambda key: Webhooks.rotate(row.id, key),
    )


def _acts(row: rx.Var[WebhookRow]) -> rx.Component:
    pause = Confirm.create(
        label="Pause",
        kind="small",
        title="Pause the webhook?",
        text="No more events are sent, and pending deliveries fail. You can redeliver them later.",
        confirm="Pause webhook",
        on_confirm=Webhooks.switch(row.id, False),
    )
    return rx.fragment(
        button("Edit", kind="small", on_click=Webhooks.edit(row.id)),
        rx.cond(
            row.is_enabled, pause, button("Resume", kind="small", on_click=Webhooks.switch(row.id, True))
        ),
        rx.cond(row.format == "json", _rotation(row)),
        Confirm.create(
            label="Delete",
            kind="small danger",
            title="Delete the webhook?",
            text="No more events are sent to " + row.url + ", and its deliveries are deleted.",
            confirm="Delete webhook",
            on_confirm=Webhooks.delete(row.id),
        ),
    )
