"""The bar under the head of a job that waits for a person: the very calls, and what to say to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from backend.core.db.paging import Page
from backend.core.errors import Missing
from backend.execution.approvals import servers
from backend.execution.approvals import service as approvals
from backend.execution.approvals.types import START
from backend.execution.jobs.queries import get_row
from backend.identity.auth.principal import Principal
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.manifest.types import Skill
from studio import session
from studio.components.elements import action, button
from studio.components.live import Ago, Json, Submit
from studio.shell import Shell

MAX_SHOWN = 50


@dataclass
class Question:
    """A call that somebody has to decide."""

    id: str
    tool: str
    """Name of the tool, or of the skill for the start of a job."""
    is_start: bool
    server: str
    """Host of the MCP server whose tool it is; empty: of none."""
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
            self.questions = await questions_of(act.session, act.principal, UUID(job_id))

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


async def questions_of(session: Any, principal: Principal, job_id: UUID) -> list[Question]:
    """Return the pending approvals of a job."""
    page = Page(limit=MAX_SHOWN)
    found = await approvals.list_approvals(session, principal, page, status="pending", job_id=job_id)
    skill = None
    if any((one.effect or "").startswith(servers.PREFIX) for one in found.items):
        skill = await _skill_of(session, principal, job_id)
    return [_question_of(one, skill) for one in found.items]


def _question_of(one: Any, skill: Skill | None) -> Question:
    server = ""
    if skill is not None:
        server = servers.server_of(skill, tool=one.tool, effect=one.effect, arguments=one.input)
    return Question(
        id=str(one.id),
        tool=one.tool,
        is_start=one.step == 0 and one.tool_use_id == START,
        server=server,
        input=one.input,
        expires_at=one.expires_at.isoformat(),
    )


async def _skill_of(session: Any, principal: Principal, job_id: UUID) -> Skill | None:
    """Return the skill that a job runs; `None` if it is a publisher's, or is not stored any more."""
    job = await get_row(session, principal, job_id)
    if job.publisher_id is not None:
        return None
    try:
        return (await load_deployed_skill(session, job.deployment_id, job.skill_name)).skill
    except Missing:
        return None


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
            _wants(one),
            rx.el.span("expires ", Ago.create(moment=one.expires_at), class_name="cap"),
            rx.cond(
                Shell.can_write & (Asking.is_denying != one.id),
                rx.fragment(
                    button("Deny…", on_click=Asking.begin_denial(one.id)),
                    action("Approve", kind="pri", on_act=lambda _: Asking.approve(one.id)),
                ),
            ),
            class_name="row wrap",
        ),
        Json.create(value=one.input),
        rx.cond(Asking.is_denying == one.id, _denial()),
        key=one.id,
    )


def _wants(one: rx.Var[Question]) -> rx.Component:
    name = rx.el.b(one.tool, class_name="mono")
    of_server = rx.fragment(" of the MCP server ", rx.el.b(one.server, class_name="mono"))
    return rx.el.span(
        rx.cond(
            one.is_start,
            rx.fragment("An agent wants to start the skill ", name),
            rx.fragment("The agent wants to call ", name, rx.cond(one.server != "", of_server)),
        ),
        class_name="grow wants",
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
        Submit.create(label="Deny the call", kind="danger"),
        on_submit=lambda _: Asking.deny(),
        class_name="row",
    )
