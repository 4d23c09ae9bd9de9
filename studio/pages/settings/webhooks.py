"""The project's webhooks: servers that are told, whether they take it, and what they were sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.core.errors import Conflict, Invalid
from backend.identity.auth.principal import Role
from backend.identity.webhook_outbox.tables import Webhook
from backend.integrations.webhooks import deliveries, service
from backend.integrations.webhooks.addresses import Receivers
from backend.integrations.webhooks.schemas import SecretRotation, WebhookCreate, WebhookUpdate
from studio import session
from studio.components.elements import action, button, note, section, tag
from studio.components.live import Ago, Confirm, Pulse
from studio.forms import parsed, said, text
from studio.pages.settings.deliveries import Deliveries, log_of
from studio.pages.settings.for_roles import for_developers
from studio.pages.settings.from_code import none_yet
from studio.pages.settings.shown_once import shown_once
from studio.pages.settings.webhook_form import EVENT, form

REFRESH_S: Final = 3


@dataclass
class WebhookRow:
    """What the list shows of a webhook."""

    id: str
    url: str
    description: str
    events: list[str]
    """None: every one."""
    skills: str
    is_enabled: bool
    why_off: str
    failing_since: str
    previous_until: str
    """Until then the secret before this one signs, too."""


class Webhooks(rx.State):
    """The webhooks of a project."""

    rows: list[WebhookRow] = []
    fresh: str = ""
    """The secret that was just made, until it is put away."""
    is_making: bool = False
    changed: WebhookRow = WebhookRow("", "", "", [], "", True, "", "", "")
    """The one that is being changed; without an id none is."""
    problem: str = ""
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Read the webhooks, where the person may, and the log of the one that the address names."""
        log = await self.get_state(Deliveries)
        fresh = self.fresh if log.is_turning else ""
        self.reset()
        self.fresh = fresh
        await self._read()
        self.is_loaded = True
        return Deliveries.load

    @rx.event
    async def refresh(self):
        """Read them anew, for as long as somebody looks."""
        if self.is_loaded:
            await self._read()

    @rx.event
    def begin(self):
        """Show the form for a new one."""
        self.is_making, self.problem, self.fresh = True, "", ""
        self.changed = WebhookRow("", "", "", [], "", True, "", "", "")

    @rx.event
    def edit(self, webhook_id: str):
        """Show the form of one that there is."""
        self._show_form(webhook_id)

    @rx.event
    def cancel(self):
        """Change nothing."""
        self.is_making, self.problem = False, ""

    @rx.event
    async def save(self, typed: dict[str, Any]):
        """Make a webhook and show its secret, or change one."""
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
                    asked = parsed(WebhookCreate, body)
                    made = await service.create(
                        act.session, context.vault, act.principal, asked, allowed=allowed
                    )
                    self.fresh = made.secret
        except (Conflict, Invalid) as refused:
            self.problem, self.fresh = said(refused), ""
            return
        self.is_making = False
        await self._read()

    @rx.event
    def put_away(self):
        """The person has kept the secret."""
        self.fresh = ""

    @rx.event
    async def rotate(self, webhook_id: str, key: str):
        """Show another secret; the one before it signs too for a day."""
        vault = session.context().vault
        async with session.acting(self, self.project, once=key) as act:
            made = await service.rotate(act.session, vault, act.principal, UUID(webhook_id), SecretRotation())
            self.fresh = made.secret
        await self._read()

    @rx.event
    async def switch(self, webhook_id: str, is_on: bool):
        """Send to it again, or send nothing more."""
        allowed = Receivers.of(session.context().settings)
        changes = WebhookUpdate(enabled=is_on)
        try:
            async with session.acting(self, self.project) as act:
                await service.change(act.session, act.principal, UUID(webhook_id), changes, allowed=allowed)
        except (
            Invalid
        ) as refused:  # an operator may allow fewer addresses than before: show where to change it
            self._show_form(webhook_id, problem=said(refused))
        await self._read()

    @rx.event
    async def send_test(self, webhook_id: str, key: str):
        """Send an event that means nothing, and show what becomes of it."""
        async with session.acting(self, self.project, once=key) as act:
            await deliveries.test(act.session, act.principal, UUID(webhook_id))
        return Deliveries.open(webhook_id)

    @rx.event
    async def delete(self, webhook_id: str):
        """Forget a webhook and what it was sent."""
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
        rows = [_row(one) for one in found]
        if rows != self.rows:
            self.rows = rows


def _body(typed: dict[str, Any]) -> dict[str, Any]:
    return {
        "url": text(typed, "url"),
        "description": text(typed, "description"),
        "events": [name.removeprefix(EVENT) for name in typed if name.startswith(EVENT)],
        "skills": text(typed, "skills").replace(",", " ").split(),
    }


def _row(webhook: Webhook) -> WebhookRow:
    until = webhook.previous_until
    return WebhookRow(
        id=str(webhook.id),
        url=webhook.url,
        description=webhook.description,
        events=list(webhook.events),
        skills=", ".join(webhook.skills),
        is_enabled=webhook.enabled,
        why_off=webhook.disabled_reason,
        failing_since=webhook.failing_since.isoformat() if webhook.failing_since else "",
        previous_until=f"{until:%Y-%m-%d %H:%M} UTC" if until else "",
    )


def pane() -> rx.Component:
    """The webhooks, each with its log, and the form."""
    new = button("New webhook", icon="plus", kind="pri", on_click=Webhooks.begin, disabled=Webhooks.is_making)
    title = rx.cond(Webhooks.changed.id != "", "Change the webhook", "New webhook")
    shown = rx.fragment(
        Pulse.create(seconds=REFRESH_S, on_beat=[Webhooks.refresh, Deliveries.refresh]),
        rx.cond(Webhooks.fresh != "", _fresh()),
        rx.cond(
            Webhooks.is_making,
            section(title, form(Webhooks.changed, Webhooks.save, Webhooks.cancel, Webhooks.problem)),
        ),
        section(
            "Webhooks",
            rx.cond(
                Webhooks.rows.length() > 0,
                rx.el.ul(rx.foreach(Webhooks.rows, _webhook), class_name="entries", aria_label="Webhooks"),
                _none(),
            ),
            actions=[new],
        ),
    )
    return for_developers(Webhooks.is_loaded, shown, "see and make its webhooks")


def _none() -> rx.Component:
    return none_yet(
        "No webhooks yet. A server of yours can be told when jobs end or wait for consent, when a version becomes "
        "active, and when a budget is nearly used up. Every request is signed, and tried again for three days.",
    )


def _fresh() -> rx.Component:
    return shown_once(
        "This is the secret that signs. It is shown this once: your server checks requests with it.",
        Webhooks.fresh,
        name="secret",
        lost="One that was lost is rotated: for a day both sign.",
        on_put_away=Webhooks.put_away,
    )


def _webhook(row: rx.Var[WebhookRow]) -> rx.Component:
    is_open = Deliveries.webhook_id == row.id
    return rx.el.li(
        rx.el.div(
            rx.el.span(row.url, class_name="strong mono cut", title=row.url),
            _state(row),
            rx.el.span(class_name="grow"),
            rx.cond(
                is_open,
                button("Hide the log", kind="small", on_click=Deliveries.close, aria_expanded="true"),
                button("Log", kind="small", on_click=Deliveries.open(row.id), aria_expanded="false"),
            ),
            action(
                "Send a test",
                kind="small",
                on_act=lambda key: Webhooks.send_test(row.id, key),
                disabled=~row.is_enabled,
            ),
            _acts(row),
            class_name="row wrap",
        ),
        rx.cond(row.description != "", rx.el.p(row.description, class_name="t2")),
        rx.el.p(
            rx.cond(row.events.length() > 0, row.events.join(", "), "every event"),
            rx.cond(row.skills != "", " of the skills " + row.skills, ""),
            class_name="t3",
        ),
        rx.cond(row.why_off != "", note(row.why_off, state="fail")),
        rx.cond(
            row.previous_until != "",
            rx.el.p(
                "The secret before this one signs, too, until ", row.previous_until, ".", class_name="t3"
            ),
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


def _acts(row: rx.Var[WebhookRow]) -> rx.Component:
    pause = Confirm.create(
        label="Pause",
        kind="small",
        title="Send nothing more to it?",
        text="What waits to be sent is given up. It can be sent again by hand, later.",
        confirm="Pause it",
        on_confirm=Webhooks.switch(row.id, False),
    )
    return rx.fragment(
        button("Change", kind="small", on_click=Webhooks.edit(row.id)),
        rx.cond(
            row.is_enabled, pause, button("Resume", kind="small", on_click=Webhooks.switch(row.id, True))
        ),
        Confirm.create(
            label="Rotate the secret",
            kind="small",
            title="Make another secret?",
            text="It is shown once. For a day both sign, so that your server can change over.",
            confirm="Make it",
            on_confirm=lambda key: Webhooks.rotate(row.id, key),
        ),
        Confirm.create(
            label="Delete",
            kind="small danger",
            title="Delete the webhook?",
            text="Nothing is sent to " + row.url + " any more, and its log is removed.",
            confirm="Delete it",
            on_confirm=Webhooks.delete(row.id),
        ),
    )
