"""The dialog that publishes, takes down or deletes several of the project's own listings one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, cast

import reflex as rx

from backend.core.errors import PurasError
from backend.marketplace import service
from backend.marketplace.schemas import ListingUpdate
from studio import selection
from studio.bulk_action import ActOnRow, BulkAction, bulk_dialog
from studio.components.elements import button
from studio.pages.marketplace.state import Market, OwnRow
from studio.session import Act
from studio.typing_of_reflex import Handled

_KINDS: Final = ("published", "taken_down", "delete")


class Bulk(BulkAction, rx.State):
    """An action on several listings: their new status, or `delete`."""

    @rx.event
    async def begin(self, kind: str) -> None:
        """Ask for the confirmation of an action on the selected listings."""
        market = await self.get_state(Market)
        rows = [row for row in market.own if row.slug in market.picked]
        if kind in _KINDS:
            self._ask(kind, {row.slug: _is_possible(kind, row) for row in rows})

    def _act_on_row(self, typed: Mapping[str, Any]) -> ActOnRow:
        if self.kind == "delete":
            return self._in_project(_delete, message=_message, is_deletion=True)
        update = ListingUpdate(status=cast(Literal["published", "taken_down"], self.kind))
        return self._in_project(
            lambda act, slug: service.change(act.session, act.principal, slug, update), message=_message
        )

    def _after(self, *, has_acted: bool) -> Handled:
        return [Market.leave, Market.refresh] if has_acted else None


def _is_possible(kind: str, row: OwnRow) -> bool:
    if kind == "delete":
        return row.is_deletable
    return (row.status == "published") == (kind == "taken_down")


async def _delete(act: Act, slug: str) -> None:
    await service.delete(act.session, act.principal, slug)


def _message(slug: str, error: PurasError) -> str:
    return f"{slug}: {error.detail}"


def selection_bar() -> rx.Component:
    """Render the actions on the selected listings."""
    return selection.selection_bar(
        Market,
        "Selected listings",
        button("Publish…", on_click=Bulk.begin("published")),
        button("Take down…", kind="danger", on_click=Bulk.begin("taken_down")),
        button("Delete drafts…", kind="danger", on_click=Bulk.begin("delete")),
    )


def dialog() -> rx.Component:
    """Render the dialog while an action is to be confirmed or in progress."""
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
        verb=verb,
        nouns=("listing", "listings"),
        is_danger=Bulk.kind != "published",
        is_confirm_focused=Bulk.kind == "published",
    )
