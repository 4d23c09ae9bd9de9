"""The deliveries of one webhook, with their requests, responses and attempts, and the redelivery."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final, get_args
from uuid import UUID

import reflex as rx

from backend.core.clock import now
from backend.core.db.paging import Page
from backend.core.errors import Conflict, Missing
from backend.identity.auth.principal import Role
from backend.identity.webhook_outbox.tables import WebhookDelivery
from backend.integrations.webhooks import deliveries
from backend.integrations.webhooks.schemas import DeliveryStatus, current_status
from studio import session
from studio.components.elements import action, button, code, framed_table, more_button, note, segments, status
from studio.components.live import Ago
from studio.formatting import duration
from studio.forms import said
from studio.typing_of_reflex import Handled, as_var

_PAGE_ROWS: Final = 25
_MAX_ROWS: Final = 200
_STATES: Final = {"pending": "queued", "delivered": "succeeded", "failed": "failed"}
"""The status of a job that has the same style, by the status of a delivery."""
_WORDS: Final = {"": "All", "pending": "Pending", "delivered": "Delivered", "failed": "Failed"}


@dataclass
class DeliveryRow:
    """The data of a delivery in the table."""

    id: str
    event: str
    state: str
    detail: str
    """The result of the last attempt."""
    attempts: int
    next_at: str
    """The time until the next attempt; empty if there is none."""
    created_at: str


@dataclass
class AttemptRow:
    """One attempt of the open delivery."""

    number: int
    result: str
    took: str
    started_at: str


@dataclass
class DeliveryView:
    """The details of the open delivery."""

    id: str = ""
    request: str = ""
    response: str = ""
    error: str = ""
    took: str = ""
    attempted_at: str = ""
    attempts: list[AttemptRow] = field(default_factory=list)
    """The attempts, newest first, if there is more than one."""


class Deliveries(rx.State):
    """The deliveries of the open webhook."""

    webhook_id: str = ""
    """The ID of the open webhook; empty if none is open."""
    status: str = ""
    rows: list[DeliveryRow] = []
    has_more: bool = False
    shown: DeliveryView = DeliveryView()
    problem: str = ""
    _limit: int = _PAGE_ROWS
    is_toggling: bool = False
    """Whether deliveries are being shown or hidden, which changes the URL but must keep the state of the page."""

    @rx.event
    async def load(self) -> None:
        """Load the deliveries of the webhook in the URL."""
        self.reset()
        requested = self.router.url.query_parameters.get("webhook", "")
        if requested:
            await self._open(requested)

    @rx.event
    def open(self, webhook_id: str) -> Handled:
        """Show the deliveries of a webhook, and add it to the URL."""
        self.is_toggling = True
        return rx.redirect(f"/p/{self.project}/settings/webhooks?webhook={webhook_id}", replace=True)

    @rx.event
    def close(self) -> Handled:
        """Hide the deliveries."""
        self.is_toggling = True
        return rx.redirect(f"/p/{self.project}/settings/webhooks", replace=True)

    @rx.event
    async def refresh(self) -> None:
        """Reload the deliveries while the page is visible."""
        if self.webhook_id:
            await self._read()

    @rx.event
    async def more(self) -> None:
        """Show older deliveries."""
        self._limit = min(self._limit + _PAGE_ROWS, _MAX_ROWS)
        await self._read()

    @rx.event
    async def pick(self, status: str) -> None:
        """Show the deliveries with one status, or all for an empty status."""
        self.status = status if status in _WORDS else ""
        await self._read()

    @rx.event
    async def toggle(self, delivery_id: str) -> None:
        """Show or hide the request and response of a delivery."""
        if self.shown.id == delivery_id:
            self.shown = DeliveryView()
            return
        async with session.acting(self, self.project) as act:
            webhook_id = UUID(self.webhook_id)
            found = await deliveries.get(act.session, act.principal, webhook_id, UUID(delivery_id))
        self.shown = _view(found)

    @rx.event
    async def redeliver(self, delivery_id: str, key: str) -> None:
        """Send a delivery again immediately."""
        self.problem = ""
        try:
            async with session.acting(self, self.project, once=key) as act:
                webhook_id = UUID(self.webhook_id)
                await deliveries.redeliver(act.session, act.principal, webhook_id, UUID(delivery_id))
        except (Conflict, Missing) as refused:
            self.problem = said(refused)
        await self._read()

    async def _open(self, webhook_id: str) -> None:
        try:
            self.webhook_id = str(UUID(webhook_id))
            await self._read()
        except (Missing, ValueError):
            self.webhook_id = ""

    async def _read(self) -> None:
        status: DeliveryStatus | None = next(
            (one for one in get_args(DeliveryStatus) if one == self.status), None
        )
        async with session.acting(self, self.project) as act:
            if act.principal.role < Role.DEVELOPER:
                self.webhook_id = ""
                return
            found = await deliveries.list_some(
                act.session, act.principal, UUID(self.webhook_id), Page(self._limit), status=status
            )
        rows = [_row(one) for one in found.items]
        if rows != self.rows:
            self.rows = rows
        self.has_more = found.next_cursor is not None and self._limit < _MAX_ROWS


def _row(one: WebhookDelivery) -> DeliveryRow:
    return DeliveryRow(
        id=str(one.id),
        event=one.event,
        state=_STATES[current_status(one.status)],
        detail=one.error or (f"HTTP {one.response_code}" if one.response_code else ""),
        attempts=one.attempts,
        next_at=_next_attempt(one),
        created_at=one.created_at.isoformat(),
    )


def _next_attempt(one: WebhookDelivery) -> str:
    if one.status != "pending":
        return ""
    seconds = (one.next_at - now()).total_seconds()
    return f"in {duration(seconds)}" if seconds > 1 else "now"


def _view(one: WebhookDelivery) -> DeliveryView:
    return DeliveryView(
        id=str(one.id),
        request=_pretty(one.body),
        response="\n".join(
            part
            for part in (f"HTTP {one.response_code}" if one.response_code else "", one.response or "")
            if part
        ),
        error=one.error or "",
        took=duration(one.duration_ms / 1000) if one.duration_ms is not None else "",
        attempted_at=one.attempted_at.isoformat() if one.attempted_at else "",
        attempts=[_attempt(each) for each in reversed(one.attempt_log)] if len(one.attempt_log) > 1 else [],
    )


def _attempt(one: dict[str, Any]) -> AttemptRow:
    took_ms = one["duration_ms"]
    return AttemptRow(
        number=one["number"],
        result=one["error"] or f"HTTP {one['response_code']}",
        took="" if took_ms is None else duration(took_ms / 1000),
        started_at=one["started_at"],
    )


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except ValueError:
        return body


def log_of() -> rx.Component:
    """Render the deliveries of the open webhook."""
    return rx.el.div(
        segments(
            "Filter by status",
            _WORDS,
            Deliveries.status,
            Deliveries.pick,
            style={"align_self": "flex-start"},
        ),
        rx.cond(Deliveries.problem != "", note(Deliveries.problem, state="fail")),
        rx.cond(
            as_var(Deliveries.rows).length() > 0,
            _list(),
            rx.el.p("No deliveries yet. Send a test event to check the endpoint.", class_name="t2"),
        ),
        more_button(Deliveries),
        class_name="col",
        style={"gap": "8px", "margin_top": "6px"},
    )


def _list() -> rx.Component:
    columns = [
        ("Status", "36%", ""),
        ("Event", "20%", ""),
        ("Attempts", "10%", "num"),
        ("Next attempt", "12%", "num"),
        ("Created", "10%", "num"),
        (rx.el.span("Actions", class_name="hidden-label"), "22%", "num"),
    ]
    return framed_table("Deliveries", columns, rx.foreach(Deliveries.rows, _delivery))


def _delivery(row: rx.Var[DeliveryRow]) -> rx.Component:
    is_shown = Deliveries.shown.id == row.id
    word = rx.match(
        row.state, ("succeeded", "Delivered"), ("failed", "Failed"), ("queued", "Pending"), "Pending"
    )
    return rx.fragment(
        rx.el.tr(
            rx.el.td(status(row.state, row.detail, word=word)),
            rx.el.td(row.event, class_name="mono"),
            rx.el.td(row.attempts, class_name="num"),
            rx.el.td(row.next_at, class_name="num t2"),
            rx.el.td(Ago.create(moment=row.created_at), class_name="num t3"),
            rx.el.td(
                rx.el.span(
                    button(
                        "View",
                        kind="small",
                        on_click=Deliveries.toggle(row.id),
                        aria_expanded=rx.cond(is_shown, "true", "false"),
                    ),
                    action("Redeliver", kind="small", on_act=lambda key: Deliveries.redeliver(row.id, key)),
                    class_name="row acts",
                ),
                class_name="num",
            ),
        ),
        rx.cond(is_shown, rx.el.tr(rx.el.td(_details(), col_span=6, class_name="looked"))),
        key=row.id,
    )


def _details() -> rx.Component:
    shown = Deliveries.shown
    return rx.el.div(
        rx.el.div(rx.el.h3("Request", class_name="cap"), code(shown.request)),
        rx.el.div(
            rx.el.h3("Response", class_name="cap"),
            rx.cond(shown.response != "", code(shown.response), rx.el.p("No response.", class_name="t2")),
            rx.cond(shown.error != "", note(shown.error, state="fail", style={"margin_top": "8px"})),
            rx.cond(
                shown.attempted_at != "",
                rx.el.p(
                    "Last attempt: ",
                    Ago.create(moment=shown.attempted_at),
                    rx.cond(shown.took != "", ", duration " + shown.took, ""),
                    class_name="t3",
                ),
            ),
            rx.cond(
                as_var(shown.attempts).length() > 0,
                rx.el.div(
                    rx.el.h3("Attempts", class_name="cap"),
                    rx.el.ol(rx.foreach(shown.attempts, _attempt_line), reversed=True),
                ),
            ),
        ),
        class_name="two",
    )


def _attempt_line(row: rx.Var[AttemptRow]) -> rx.Component:
    return rx.el.li(
        row.result,
        rx.el.span(" ", Ago.create(moment=row.started_at), " ", row.took, class_name="t3"),
        value=row.number,
        key=row.number,
    )
