"""The dialog that approves or rejects several approvals one by one."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.core.errors import PurasError
from backend.execution.approvals import service as approvals
from studio import session
from studio.components.elements import button, note
from studio.components.jobs import Modal
from studio.pages.approvals.state import Inbox
from studio.typing_of_reflex import Handled, as_var

MAX_SHOWN_FAILURES: Final = 3


class BulkDecision(rx.State):
    """A decision about several approvals."""

    kind: str = ""
    """`approved` or `denied`; empty while the dialog is closed."""
    ids: list[str] = []
    skipped: int = 0
    """The number of selected approvals that this decision is not possible for."""
    reason: str = ""
    done: int = 0
    failures: list[str] = []
    is_busy: bool = False
    _is_stopped: bool = False

    @rx.event
    async def begin(self, kind: str) -> None:
        """Ask for the confirmation of a decision about the selected approvals."""
        inbox = await self.get_state(Inbox)
        rows = [row for row in inbox.rows if row.id in inbox.picked]
        if not rows or kind not in ("approved", "denied") or self.is_busy:
            return
        eligible = [
            row.id
            for row in rows
            if row.may_decide and not row.is_over and (kind == "denied" or not row.has_form)
        ]
        self.kind, self.ids, self.skipped, self.reason = kind, eligible, len(rows) - len(eligible), ""
        self.done, self.failures, self._is_stopped = 0, [], False

    @rx.event
    async def act(self, kind: str, approval_id: str) -> Handled:
        """Perform the action of a key: on the selected approvals, or on the one with the focus if none is selected."""
        inbox = await self.get_state(Inbox)
        if inbox.picked and kind in ("approve", "deny"):
            return BulkDecision.begin("approved" if kind == "approve" else "denied")
        return Inbox.act(kind, approval_id)

    @rx.event
    def change_reason(self, reason: str) -> None:
        """Set the reason, which is sent to the agents."""
        self.reason = reason

    @rx.event(background=True)
    async def run(self) -> None:
        """Decide the approvals one by one, and show the progress."""
        async with self:
            if self.is_busy or not self.kind:
                return
            self.is_busy = True
            kind, chosen, reason = self.kind, list(self.ids), self.reason
            project, cookie = self.project, self.router.headers.cookie
        try:
            for done, approval_id in enumerate(chosen, 1):
                problem = await _decide(kind, approval_id, project=project, cookie=cookie, reason=reason)
                async with self:
                    self.done = done
                    if problem:
                        self.failures = [*self.failures, problem]
                    if self._is_stopped:
                        return
        finally:
            async with self:
                self.is_busy = False

    @rx.event
    async def close(self) -> Handled:
        """Close the dialog, and stop after the current approval."""
        self._is_stopped = True
        was_open, has_acted, self.kind = self.kind != "", self.done > 0, ""
        if was_open:
            return [*([Inbox.leave] if has_acted else []), Inbox.refresh(False)]
        return None


async def _decide(kind: Any, approval_id: str, *, project: str, cookie: str, reason: str) -> str:
    """Decide an approval; return the error message, or an empty text."""
    try:
        async with session.acting_by(cookie, project) as act:
            await approvals.decide(act.session, act.principal, UUID(approval_id), kind, reason=reason)
    except PurasError as error:
        return error.detail
    return ""


def selection_bar() -> rx.Component:
    """Render the actions on the selected approvals."""
    return rx.el.div(
        rx.el.span(as_var(Inbox.picked).length(), " selected", class_name="strong num"),
        button("Approve…", kind="pri", on_click=BulkDecision.begin("approved")),
        button("Reject…", kind="danger", on_click=BulkDecision.begin("denied")),
        rx.el.span(class_name="grow"),
        button("Clear selection", kind="quiet", on_click=Inbox.leave),
        class_name="job-bar row wrap",
        role="group",
        aria_label="Selected approvals",
    )


def dialog() -> rx.Component:
    """Render the dialog while a decision is to be confirmed or in progress."""
    count = as_var(BulkDecision.ids).length()
    what = f"{count} " + rx.cond(count == 1, "approval", "approvals")
    is_denial = BulkDecision.kind == "denied"
    title: Any = rx.cond(is_denial, f"Reject {what}?", f"Approve {what}?")
    content = rx.el.form(
        rx.el.h2(title),
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
                class_name="in",
                placeholder="Reason (sent to the agents)",
                aria_label="Reason",
                value=BulkDecision.reason,
                on_change=BulkDecision.change_reason,
                max_length=2000,
            ),
        ),
        rx.cond(BulkDecision.is_busy | (BulkDecision.done > 0), _progress(count)),
        rx.cond(as_var(BulkDecision.failures).length() > 0, _failures()),
        _buttons(what, is_denial=is_denial),
        on_submit=lambda _: BulkDecision.run(),
        class_name="in-dlg",
    )
    return rx.cond(BulkDecision.kind != "", Modal.create(content, label=title, on_close=BulkDecision.close))


def _progress(count: Any) -> rx.Component:
    return rx.el.p(
        f"{BulkDecision.done} of {count}",
        rx.cond(
            as_var(BulkDecision.failures).length() > 0,
            f", {as_var(BulkDecision.failures).length()} failed",
            "",
        ),
        role="status",
        class_name="t3",
    )


def _failures() -> rx.Component:
    left = as_var(BulkDecision.failures).length() - MAX_SHOWN_FAILURES
    return note(
        rx.foreach(BulkDecision.failures[:MAX_SHOWN_FAILURES], lambda one: rx.el.p(one)),
        rx.cond(left > 0, rx.el.p(f"and {left} more")),
        state="fail",
    )


def _buttons(what: Any, *, is_denial: rx.Var[bool]) -> rx.Component:
    is_over = ~BulkDecision.is_busy & (BulkDecision.done > 0)
    confirm = rx.el.button(
        rx.cond(is_denial, f"Reject {what}", f"Approve {what}"),
        type="submit",
        class_name=rx.cond(is_denial, "btn danger", "btn pri"),
        disabled=BulkDecision.is_busy | (as_var(BulkDecision.ids).length() == 0),
        custom_attrs={"data-first": "true"},
    )
    return rx.el.div(
        rx.cond(
            is_over,
            button("Done", kind="pri", on_click=BulkDecision.close),
            rx.fragment(
                button(rx.cond(BulkDecision.is_busy, "Stop", "Cancel"), on_click=BulkDecision.close), confirm
            ),
        ),
        class_name="acts",
    )
