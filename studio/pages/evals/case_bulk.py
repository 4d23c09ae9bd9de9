"""The dialog that deletes the selected cases one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import reflex as rx

from backend.evals import cases as saved_cases
from studio import selection
from studio.bulk_action import ActOnRow, BulkAction, bulk_dialog
from studio.components.elements import button
from studio.pages.evals.cases import Cases
from studio.pages.evals.state import Evals
from studio.session import Act
from studio.typing_of_reflex import Handled, as_var


class CaseBulk(BulkAction, rx.State):
    """The deletion of several saved cases."""

    @rx.event
    async def begin(self) -> None:
        """Ask for the confirmation."""
        cases = await self.get_state(Cases)
        self._ask("delete", dict.fromkeys(cases.picked, True))

    def _act_on_row(self, typed: Mapping[str, Any]) -> ActOnRow:
        return self._in_project(_delete, is_deletion=True)

    def _after(self, *, has_acted: bool) -> Handled:
        return [Cases.leave, Cases.refresh, Evals.reread] if has_acted else None


async def _delete(act: Act, case_id: str) -> None:
    await saved_cases.delete(act.session, act.principal, UUID(case_id))


def selection_bar() -> rx.Component:
    """Render the actions on the selected cases."""
    delete = button("Delete…", kind="danger", on_click=CaseBulk.begin)
    return rx.cond(
        as_var(Cases.picked).length() > 0, selection.selection_bar(Cases, "Selected cases", delete)
    )


def dialog() -> rx.Component:
    """Render the dialog while the deletion is to be confirmed or in progress."""
    return bulk_dialog(
        CaseBulk,
        rx.el.p("Existing suites keep their results.", class_name="t2"),
        verb="Delete",
        nouns=("case", "cases"),
        is_danger=True,
        is_confirm_focused=False,
    )
