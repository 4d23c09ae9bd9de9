"""The audit log of the project, newest entries first; the URL contains the filters."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from urllib.parse import urlencode

import reflex as rx

from backend.core.db.paging import Page
from backend.identity.auth import audit
from backend.identity.auth.audit import AuditFilter
from backend.identity.auth.principal import Role
from backend.identity.tables import AuditRow
from studio import session
from studio.author_names import name_keys
from studio.components.elements import button, framed_table, section
from studio.components.live import Ago
from studio.forms import text
from studio.pages.settings.for_roles import for_admins
from studio.shell import Shell
from studio.typing_of_reflex import Handled, as_var

_PAGE_ROWS = 50
_MAX_ROWS = 500
_MAX_FACTS_CHARACTERS = 300
_ACTIONS = {
    "": "All actions",
    "api_key": "API keys",
    "member": "Members",
    "secret": "Secrets",
    "provider_key": "Model provider keys",
    "webhook": "Webhooks",
    "schedule": "Schedules",
    "budget": "Budgets",
    "wallet": "Wallet",
    "deployment": "Deployments",
    "draft": "Drafts",
    "drive": "Drive",
    "job": "Jobs",
    "eval": "Evals",
    "listing": "Listings",
    "memory": "Memory",
    "limits": "Limits",
    "project": "Project",
}


@dataclass
class EntryRow:
    """The data of an entry of the audit log."""

    id: str
    actor: str
    label: str
    """The actor as the filter expects it."""
    action: str
    target: str
    facts: str
    request: str
    at: str


class AuditLog(rx.State):
    """The audit log of a project."""

    rows: list[EntryRow] = []
    actor: str = ""
    action: str = ""
    since: str = ""
    """The first day of the entries; empty for no limit."""
    next_cursor: str = ""
    is_loaded: bool = False

    @rx.event
    async def load(self) -> None:
        """Load the entries that match the filters in the URL, if the user has the permission."""
        self.reset()
        query = self.router.url.query_parameters
        self.actor, self.action = query.get("actor", "")[:200], query.get("action", "")[:100]
        self.since = _day(query.get("since", ""))
        await self._read()
        self.is_loaded = True

    @rx.event
    async def more(self) -> None:
        """Load the next page."""
        await self._read()

    @rx.event
    def apply_filters(self, typed: dict[str, Any]) -> Handled:
        """Open the page with these filters in its URL."""
        filters = {name: text(typed, name) for name in ("actor", "action", "since")}
        query = urlencode({name: value for name, value in filters.items() if value})
        return rx.redirect(f"/p/{self.project}/settings/audit{'?' + query if query else ''}", replace=True)

    async def _read(self) -> None:
        filters = AuditFilter(
            actor=self.actor or None,
            action=self.action or None,
            since=datetime.combine(date.fromisoformat(self.since), time(), UTC) if self.since else None,
        )
        async with session.acting(self, self.project) as act:
            if act.principal.role < Role.ADMIN:
                return
            page = Page(_PAGE_ROWS, self.next_cursor or None)
            found = await audit.list_rows(act.session, act.principal, filters, page)
            rows = [_row(one) for one in found.items]
            await name_keys(act, rows, "actor", is_short=True)
        self.rows = [*self.rows, *rows]
        self.next_cursor = (found.next_cursor or "") if len(self.rows) < _MAX_ROWS else ""


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        return ""


def _row(row: AuditRow) -> EntryRow:
    facts = ", ".join(
        f"{name}: {value if isinstance(value, str) else json.dumps(value)}"
        for name, value in row.facts.items()
    )
    return EntryRow(
        id=str(row.id),
        actor=row.actor,
        label=row.actor,
        action=row.action,
        target=row.target,
        facts=facts[:_MAX_FACTS_CHARACTERS],
        request=row.request_id,
        at=row.at.isoformat(),
    )


def pane() -> rx.Component:
    """Render the filters and the entries."""
    shown = section(
        "Audit log",
        _filters(),
        rx.cond(
            as_var(AuditLog.rows).length() > 0,
            rx.fragment(
                _list(),
                rx.cond(
                    AuditLog.next_cursor != "",
                    rx.el.div(button("Show more", on_click=AuditLog.more), style={"margin_top": "10px"}),
                ),
            ),
            rx.el.p("No entries match these filters.", class_name="t2"),
        ),
    )
    return for_admins(AuditLog.is_loaded, shown, "read the audit log")


def _filters() -> rx.Component:
    return rx.el.form(
        rx.el.select(
            *[rx.el.option(label, value=action) for action, label in _ACTIONS.items()],
            name="action",
            default_value=AuditLog.action,
            aria_label="Action",
            class_name="in",
        ),
        rx.el.input(
            name="actor",
            default_value=AuditLog.actor,
            placeholder="user:ada@example.org",
            aria_label="Actor",
            max_length=200,
            auto_complete="off",
            class_name="in mono",
            style={"max_width": "240px"},
        ),
        rx.el.label(
            rx.el.span("Since", class_name="t2"),
            rx.el.input(
                name="since",
                default_value=AuditLog.since,
                type="date",
                class_name="in",
                style={"max_width": "160px"},
            ),
            class_name="row",
        ),
        button("Filter", type="submit"),
        on_submit=AuditLog.apply_filters,
        key=Shell.project_slug + AuditLog.action + AuditLog.actor + AuditLog.since,
        class_name="row wrap",
        style={"margin_bottom": "12px"},
    )


def _list() -> rx.Component:
    columns = [
        ("Actor", "22%", ""),
        ("Action", "18%", ""),
        ("Target", "22%", ""),
        ("Details", "25%", ""),
        ("Time", "13%", "num"),
    ]
    return framed_table("Audit log", columns, rx.foreach(AuditLog.rows, _entry))


def _entry(row: rx.Var[EntryRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(row.actor, title=row.label),
        rx.el.td(row.action, class_name="mono", title=row.action),
        rx.el.td(row.target, class_name="mono t2", title=row.target),
        rx.el.td(row.facts, class_name="t2", title=row.facts),
        rx.el.td(Ago.create(moment=row.at), class_name="num t3", title=row.request),
        key=row.id,
    )
