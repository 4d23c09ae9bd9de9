"""The bar under the head of a job that waits for a person: the very calls, and what to say to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from backend.approvals import service as approvals
from backend.approvals.schemas import ApprovalView
from backend.paging import Page
from studio import session
from studio.components.elements import button
from studio.components.live import Ago, Json
from studio.shell import Shell

MOST_SHOWN = 50


@dataclass
class Question:
    """A call that somebody has to decide."""

    id: str
    tool: str
    input: dict[str, Any]
    expires_at: str


class Asking(rx.State):
    """What a job asks about."""

    questions: list[Question] = []
    reason: str = ""
    is_denying: str = ""
    """Id of the question that is being refused."""
    _job: str = ""

    @rx.event
    async def look(self, job_id: str):
        """Read what the job asks about."""
        self._job = job_id
        async with session.acting(self, self.project) as act:
            found = await approvals.list_some(
                act.session, act.principal, Page(limit=MOST_SHOWN), status="pending", job_id=UUID(job_id)
            )
        views = [ApprovalView.model_validate(one) for one in found.items]
        self.questions = [
            Question(str(one.id), one.tool, one.input, one.expires_at.isoformat()) for one in views
        ]

    @rx.event
    async def approve(self, approval_id: str):
        """Let the call be made."""
        await self._decide(approval_id, "approved")

    @rx.event
    def begin_denial(self, approval_id: str):
        """Ask why not."""
        self.is_denying, self.reason = approval_id, ""

    @rx.event
    def say(self, reason: str):
        """Why not; the model is told."""
        self.reason = reason

    @rx.event
    def keep_open(self):
        """Decide later."""
        self.is_denying = ""

    @rx.event
    async def deny(self):
        """Refuse the call."""
        await self._decide(self.is_denying, "denied")

    async def _decide(self, approval_id: str, decision: Any) -> None:
        async with session.acting(self, self.project) as act:
            await approvals.decide(
                act.session, act.principal, UUID(approval_id), decision, reason=self.reason
            )
        self.is_denying = self.reason = ""
        self.questions = [one for one in self.questions if one.id != approval_id]


def asking() -> rx.Component:
    """The questions, each with its input and its two answers."""
    return rx.cond(
        Asking.questions.length() > 0,
        rx.el.section(
            rx.foreach(Asking.questions, _question),
            class_name="asking",
            aria_label="Calls that wait for a person",
        ),
    )


def _question(one: rx.Var[Question]) -> rx.Component:
    return rx.el.article(
        rx.el.div(
            rx.el.span(
                "The agent wants to call ", rx.el.b(one.tool, class_name="mono"), class_name="grow wants"
            ),
            rx.el.span("expires ", Ago.create(moment=one.expires_at), class_name="cap"),
            rx.cond(
                Shell.can_write & (Asking.is_denying != one.id),
                rx.fragment(
                    button("Deny…", on_click=Asking.begin_denial(one.id)),
                    button("Approve", kind="pri", on_click=Asking.approve(one.id)),
                ),
            ),
            class_name="row wrap",
        ),
        Json.create(value=one.input),
        rx.cond(Asking.is_denying == one.id, _denial()),
        key=one.id,
    )


def _denial() -> rx.Component:
    return rx.el.form(
        rx.el.input(
            class_name="in grow",
            placeholder="Why not? The agent is told.",
            aria_label="Why not",
            value=Asking.reason,
            on_change=Asking.say,
            max_length=2000,
            auto_focus=True,
        ),
        button("Not now", on_click=Asking.keep_open),
        rx.el.button("Deny the call", type="submit", class_name="btn danger"),
        on_submit=lambda _: Asking.deny(),
        class_name="row",
    )
