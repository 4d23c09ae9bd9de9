"""The bar below the head of a job that awaits approval: the pending calls, with buttons to decide them."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import reflex as rx

from backend.core.db.paging import Page
from backend.execution.approvals import service as approvals
from studio import deciding, session
from studio.deciding import Deciding, PendingCall
from studio.typing_of_reflex import as_var

MAX_SHOWN: Final = 50


class PendingApprovals(Deciding, rx.State):
    """The pending approvals of a job."""

    calls: list[PendingCall] = []

    @rx.event
    async def look(self, job_id: str) -> None:
        """Load the pending approvals of the job."""
        async with session.acting(self, self.project) as act:
            await self.read(act, job_id)

    async def read(self, act: session.Act, job_id: str) -> None:
        """Read the pending approvals of the job."""
        filters = approvals.ApprovalFilter(status="pending", job_id=UUID(job_id))
        found = await approvals.list_approvals(act.session, act.principal, Page(limit=MAX_SHOWN), filters)
        self.calls = await deciding.pending_calls(act.session, act.principal, found.items)

    def _forget(self, approval_id: str) -> None:
        self.calls = [one for one in self.calls if one.id != approval_id]


def approval_bar() -> rx.Component:
    """Render the pending calls, each with its input and its buttons."""
    return rx.cond(
        as_var(PendingApprovals.calls).length() > 0,
        rx.el.section(
            rx.foreach(PendingApprovals.calls, _call),
            class_name="asking",
            aria_label="Calls awaiting approval",
        ),
    )


def _call(one: rx.Var[PendingCall]) -> rx.Component:
    return rx.el.article(
        rx.el.div(
            deciding.description(one),
            deciding.expiry(one),
            deciding.buttons(PendingApprovals, one),
            class_name="row wrap",
        ),
        deciding.content(PendingApprovals, one),
        key=one.id,
    )
