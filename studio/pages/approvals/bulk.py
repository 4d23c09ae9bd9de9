"""The dialog that approves or rejects several approvals one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import reflex as rx

from backend.execution.approvals import service as approvals
from studio import selection
from studio.bulk_action import ActOnRow, BulkAction, bulk_dialog
from studio.components.elements import button
from studio.forms import text
from studio.pages.approvals.state import Inbox
from studio.typing_of_reflex import Handled


class BulkDecision(BulkAction, rx.State):
    """A decision about several approvals: `approved` or `denied`."""

    @rx.event
    async def begin(self, kind: str) -> None:
        """Ask for the confirmation of a decision about the selected approvals."""
        inbox = await self.get_state(Inbox)
        rows = [row for row in inbox.rows if row.id in inbox.picked]
        if kind not in ("approved", "denied"):
            return
        eligible = {
            row.id: row.may_decide and not row.is_over and (kind == "denied" or not row.has_form)
            for row in rows
        }
        self._ask(kind, eligible)

    @rx.event
    async def act(self, kind: str, approval_id: str) -> Handled:
        """Perform the action of a key: on the selected approvals, or on the one with the focus if none is selected."""
        inbox = await self.get_state(Inbox)
        if inbox.picked and kind in ("approve", "deny"):
            return BulkDecision.begin("approved" if kind == "approve" else "denied")
        return Inbox.act(kind, approval_id)

    def _act_on_row(self, typed: Mapping[str, Any]) -> ActOnRow:
        kind: Any = self.kind
        reason = text(typed, "reason")
        return self._in_project(
            lambda act, key: approvals.decide(act.session, act.principal, UUID(key), kind, reason=reason)
        )

    def _after(self, *, has_acted: bool) -> Handled:
        return [*([Inbox.leave] if has_acted else []), Inbox.refresh(False)]


def selection_bar() -> rx.Component:
    """Render the actions on the selected approvals."""
    return selection.selection_bar(
        Inbox,
        "Selected approvals",
        button("Approve…", kind="pri", on_click=BulkDecision.begin("approved")),
        button("Reject…", kind="danger", on_click=BulkDecision.begin("denied")),
        class_name="job-bar row wrap",
    )


def dialog() -> rx.Component:
    """Render the dialog while a decision is to be confirmed or in progress."""
    is_denial = BulkDecision.kind == "denied"
    about = rx.fragment(
        rx.el.p(
            rx.cond(
                is_denial,
                "The calls are not made. Each agent receives the reason and continues without its call.",
                "Each call is made with exactly the arguments that the list shows. A decision is final.",
            ),
            rx.cond(
                BulkDecision.skipped > 0,
                f" {BulkDecision.skipped} of the selected approvals are left out: they need values in a form, or other "
                "reviewers.",
                "",
            ),
            class_name="t2",
        ),
        rx.cond(
            is_denial,
            rx.el.input(
                name="reason",
                class_name="in",
                placeholder="Reason (sent to the agents)",
                aria_label="Reason",
                max_length=2000,
            ),
        ),
    )
    return bulk_dialog(
        BulkDecision,
        about,
        verb=rx.cond(is_denial, "Reject", "Approve"),
        nouns=("approval", "approvals"),
        is_danger=is_denial,
    )
