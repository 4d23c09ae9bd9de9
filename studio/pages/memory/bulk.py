"""The dialog that deletes the selected records one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import reflex as rx

from backend.data.memory import deletion
from studio import selection
from studio.bulk_action import ActOnRow, BulkAction, bulk_dialog
from studio.components.elements import button
from studio.pages.memory.state import MemoryPage
from studio.session import Act
from studio.typing_of_reflex import Handled


class Bulk(BulkAction, rx.State):
    """The deletion of several records."""

    @rx.event
    async def begin(self) -> None:
        """Ask for the confirmation."""
        page = await self.get_state(MemoryPage)
        self._ask("delete", dict.fromkeys(page.picked, True))

    def _act_on_row(self, typed: Mapping[str, Any]) -> ActOnRow:
        return self._in_project(_delete, is_deletion=True)

    def _after(self, *, has_acted: bool) -> Handled:
        return [MemoryPage.leave, MemoryPage.refresh] if has_acted else None


async def _delete(act: Act, record_id: str) -> None:
    await deletion.forget(act.session, act.principal, UUID(record_id), reason="in the studio")


def selection_bar() -> rx.Component:
    """Render the actions on the selected records."""
    return selection.selection_bar(
        MemoryPage,
        "Selected records",
        button("Delete…", kind="danger", on_click=Bulk.begin),
        style={"padding": "8px 16px", "border_bottom": "1px solid var(--line)", "flex": "none"},
    )


def dialog() -> rx.Component:
    """Render the dialog while the deletion is to be confirmed or in progress."""
    return bulk_dialog(
        Bulk,
        rx.el.p(
            "The records can no longer be found. They are listed as deleted for some days, then removed.",
            class_name="t2",
        ),
        verb="Delete",
        nouns=("record", "records"),
        is_danger=True,
        is_confirm_focused=False,
    )
