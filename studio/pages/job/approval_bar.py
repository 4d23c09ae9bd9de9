"""The bar below the head of a job that awaits approval: the pending calls, with buttons to decide them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.core.db.paging import Page
from backend.core.errors import Invalid, Missing
from backend.execution.approvals import servers
from backend.execution.approvals import service as approvals
from backend.execution.approvals.forms import FORM
from backend.execution.approvals.reviewers import may_decide
from backend.execution.approvals.tables import Approval
from backend.execution.approvals.types import START
from backend.execution.jobs.queries import get_row
from backend.identity.auth.principal import Principal
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.manifest.types import Skill
from studio import session
from studio.components.elements import action, button
from studio.components.live import Ago, ApprovalForm, Json, Submit
from studio.shell import Shell

MAX_SHOWN = 50
_FORM: Final = f"{FORM}."


@dataclass
class PendingCall:
    """A call that a user must approve or reject."""

    id: str
    tool: str
    """Name of the tool, or of the skill if the call starts a job."""
    is_start: bool
    server: str
    """Host of the MCP server of the tool; empty if it has none."""
    input: dict[str, Any]
    expires_at: str
    message: str
    """Text of the step of a flow; empty for the call of an agent."""
    form: dict[str, Any]
    """Schema of the values that the reviewer enters; empty if there is no form."""
    has_form: bool
    reviewers: str
    """Who may decide; empty: every developer."""
    may_decide: bool


class PendingApprovals(rx.State):
    """The pending approvals of a job."""

    calls: list[PendingCall] = []
    reason: str = ""
    rejecting: str = ""
    """ID of the approval whose rejection is being entered."""
    wrong: str = ""
    """ID of the approval whose form has `errors`."""
    errors: dict[str, str] = {}
    """Messages by path in the values of the form."""
    _job: str = ""

    @rx.event
    async def look(self, job_id: str):
        """Load the pending approvals of the job."""
        async with session.acting(self, self.project) as act:
            await self.read(act, job_id)

    async def read(self, act: session.Act, job_id: str) -> None:
        """Read the pending approvals of the job."""
        self._job = job_id
        self.calls = await pending_calls(act.session, act.principal, UUID(job_id))

    @rx.event
    async def approve(self, approval_id: str):
        """Approve a call."""
        await self._decide(approval_id, "approved")

    @rx.event
    async def approve_with(self, approval_id: str, values: dict[str, Any]):
        """Approve a step of a flow with the values of its form."""
        self.wrong, self.errors = "", {}
        try:
            await self._decide(approval_id, "approved", values)
        except Invalid as invalid:
            of_fields = [one for one in invalid.problems if one.path.startswith(_FORM)]
            if not of_fields:
                raise
            self.wrong = approval_id
            self.errors = {one.path.removeprefix(_FORM): one.message for one in of_fields}

    @rx.event
    def start_rejection(self, approval_id: str):
        """Show the form for the reason of a rejection."""
        self.rejecting, self.reason = approval_id, ""

    @rx.event
    def change_reason(self, reason: str):
        """Set the reason, which is sent to the agent."""
        self.reason = reason

    @rx.event
    def cancel_rejection(self):
        """Hide the form for the reason."""
        self.rejecting = ""

    @rx.event
    async def reject(self):
        """Reject the call."""
        await self._decide(self.rejecting, "denied")

    async def _decide(self, approval_id: str, decision: Any, form: dict[str, Any] | None = None) -> None:
        async with session.acting(self, self.project) as act:
            await approvals.decide(
                act.session, act.principal, UUID(approval_id), decision, reason=self.reason, form=form
            )
        self.rejecting = self.reason = ""
        self.calls = [one for one in self.calls if one.id != approval_id]


async def pending_calls(session: Any, principal: Principal, job_id: UUID) -> list[PendingCall]:
    """Return the pending approvals of a job."""
    page = Page(limit=MAX_SHOWN)
    found = await approvals.list_approvals(session, principal, page, status="pending", job_id=job_id)
    skill = None
    if any((one.effect or "").startswith(servers.PREFIX) for one in found.items):
        skill = await _skill_of(session, principal, job_id)
    return [_pending_call(one, skill, principal) for one in found.items]


def _pending_call(one: Approval, skill: Skill | None, principal: Principal) -> PendingCall:
    server = ""
    if skill is not None:
        server = servers.server_of(skill, tool=one.tool, effect=one.effect, arguments=one.input)
    return PendingCall(
        id=str(one.id),
        tool=one.tool,
        is_start=one.step == 0 and one.tool_use_id == START,
        server=server,
        input=one.input,
        expires_at=one.expires_at.isoformat(),
        message=one.message or "",
        form=one.form_schema or {},
        has_form=one.form_schema is not None,
        reviewers=", ".join(one.reviewers),
        may_decide=may_decide(principal, one.reviewers),
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


def approval_bar() -> rx.Component:
    """Render the pending calls, each with its input and its buttons."""
    return rx.cond(
        PendingApprovals.calls.length() > 0,
        rx.el.section(
            rx.foreach(PendingApprovals.calls, _call),
            class_name="asking",
            aria_label="Calls awaiting approval",
        ),
    )


def _call(one: rx.Var[PendingCall]) -> rx.Component:
    return rx.el.article(
        rx.el.div(
            _description(one),
            rx.cond(one.reviewers != "", rx.el.span("Reviewers: ", one.reviewers, class_name="cap")),
            rx.el.span("Expires ", Ago.create(moment=one.expires_at), class_name="cap"),
            rx.cond(
                Shell.can_write & (PendingApprovals.rejecting != one.id),
                rx.cond(one.may_decide, _buttons(one), _disabled_buttons()),
            ),
            class_name="row wrap",
        ),
        rx.cond(one.message == "", Json.create(value=one.input)),
        rx.cond(PendingApprovals.rejecting == one.id, _rejection()),
        rx.cond(
            one.has_form & one.may_decide & Shell.can_write & (PendingApprovals.rejecting != one.id),
            ApprovalForm.create(
                schema=one.form,
                errors=rx.cond(PendingApprovals.wrong == one.id, PendingApprovals.errors, {}),
                project=Shell.project_slug,
                csrf=Shell.csrf,
                on_approve=lambda values, _: PendingApprovals.approve_with(one.id, values),
            ),
        ),
        key=one.id,
    )


def _buttons(one: rx.Var[PendingCall]) -> rx.Component:
    approve = action("Approve", kind="pri", on_act=lambda _: PendingApprovals.approve(one.id))
    return rx.fragment(
        button("Reject…", on_click=PendingApprovals.start_rejection(one.id)),
        rx.cond(one.has_form, None, approve),
    )


def _disabled_buttons() -> rx.Component:
    reason = "Only reviewers may decide."
    return rx.fragment(
        button("Reject…", disabled=True, title=reason),
        button("Approve", kind="pri", disabled=True, title=reason),
    )


def _description(one: rx.Var[PendingCall]) -> rx.Component:
    name = rx.el.b(one.tool, class_name="mono")
    of_server = rx.fragment(" of the MCP server ", rx.el.b(one.server, class_name="mono"))
    return rx.el.span(
        rx.cond(
            one.message != "",
            one.message,
            rx.cond(
                one.is_start,
                rx.fragment("An agent wants to start the skill ", name),
                rx.fragment("The agent wants to call ", name, rx.cond(one.server != "", of_server)),
            ),
        ),
        class_name="grow wants",
    )


def _rejection() -> rx.Component:
    return rx.el.form(
        rx.el.input(
            class_name="in grow",
            placeholder="Reason (sent to the agent or the flow)",
            aria_label="Reason",
            value=PendingApprovals.reason,
            on_change=PendingApprovals.change_reason,
            max_length=2000,
            auto_focus=True,
        ),
        button("Cancel", on_click=PendingApprovals.cancel_rejection),
        Submit.create(label="Confirm rejection", kind="danger"),
        on_submit=lambda _: PendingApprovals.reject(),
        class_name="row",
    )
