"""The dialog that publishes, takes down or deletes several of the project's own listings one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

import reflex as rx

from backend.core.errors import Missing, PurasError
from backend.marketplace import service
from backend.marketplace.schemas import ListingUpdate
from studio import session
from studio.bulk_action import ActOnRow, BulkAction, bulk_dialog, counted
from studio.components.elements import button
from studio.pages.marketplace.state import Market, OwnRow
from studio.typing_of_reflex import Handled, as_var

_KINDS: Final = ("published", "taken_down", "delete")


class Bulk(BulkAction, rx.State):
    """An action on several listings: their new status, or `delete`."""

    @rx.event
    async def begin(self, kind: str) -> None:
        """Ask for the confirmation of an action on the selected listings."""
        market = await self.get_state(Market)
        rows = [row for row in market.own if row.slug in market.picked]
        if not rows or kind not in _KINDS or self.is_busy:
            return
        eligible = [row.slug for row in rows if _is_possible(kind, row)]
        self._ask(kind, eligible, skipped=len(rows) - len(eligible))

    def _act_on_row(self, typed: Mapping[str, Any]) -> ActOnRow:
        kind, project, cookie = self.kind, self.project, self.router.headers.cookie
        return lambda slug: _act(kind, slug, project=project, cookie=cookie)

    def _after(self, *, has_acted: bool) -> Handled:
        return [Market.leave, Market.refresh] if has_acted else None


def _is_possible(kind: str, row: OwnRow) -> bool:
    if kind == "delete":
        return row.is_deletable
    return (row.status == "published") == (kind == "taken_down")


async def _act(kind: str, slug: str, *, project: str, cookie: str) -> str:
    """Change the status of a listing or delete it; return the error message, or an empty text."""
    try:
        async with session.acting_by(cookie, project) as act:
            if kind == "delete":
                await service.delete(act.session, act.principal, slug)
            else:
                status = cast(Literal["published", "taken_down"], kind)
                await service.change(act.session, act.principal, slug, ListingUpdate(status=status))
    except Missing as error:
        return "" if kind == "delete" else f"{slug}: {error.detail}"
    except PurasError as error:
        return f"{slug}: {error.detail}"
    return ""


def selection_bar() -> rx.Component:
    """Render the actions on the selected listings."""
    return rx.el.div(
        rx.el.span(as_var(Market.picked).length(), " selected", class_name="strong num"),
        button("Publish…", on_click=Bulk.begin("published")),
        button("Take down…", kind="danger", on_click=Bulk.begin("taken_down")),
        button("Delete drafts…", kind="danger", on_click=Bulk.begin("delete")),
        rx.el.span(class_name="grow"),
        button("Clear selection", kind="quiet", on_click=Market.leave),
        class_name="row wrap",
        role="group",
        aria_label="Selected listings",
    )


def dialog() -> rx.Component:
    """Render the dialog while an action is to be confirmed or in progress."""
    what = counted(Bulk, "listing", "listings")
    verb = rx.match(Bulk.kind, ("published", "Publish"), ("delete", "Delete"), "Take down")
    about = rx.match(
        Bulk.kind,
        ("published", "All projects of this instance can run published listings at their price."),
        ("delete", "Drafts that were never published are deleted. Take down other listings instead."),
        "No new runs can be started. Running jobs finish.",
    )
    return bulk_dialog(
        Bulk,
        rx.el.p(
            about,
            rx.cond(
                Bulk.skipped > 0, f" This does not apply to {Bulk.skipped} of the selected listings.", ""
            ),
            class_name="t2",
        ),
        title=f"{verb} {what}?",
        confirm=f"{verb} {what}",
        is_danger=Bulk.kind != "published",
        is_confirm_focused=Bulk.kind == "published",
    )
