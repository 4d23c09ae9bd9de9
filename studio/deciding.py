"""Pending approvals, and what a user does with them, on the page of a job and in the inbox."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.core.db.engine import AsyncSession
from backend.core.errors import Invalid, Missing
from backend.execution.approvals import servers
from backend.execution.approvals import service as approvals
from backend.execution.approvals.edits import ARGUMENTS
from backend.execution.approvals.forms import FORM
from backend.execution.approvals.reviewers import may_decide
from backend.execution.approvals.tables import Approval
from backend.execution.jobs.queries import get_row
from backend.identity.auth.principal import Principal
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.manifest.types import Skill
from studio import session
from studio.components.elements import action, button
from studio.components.live import Ago, ApprovalForm, ArgumentsForm, Json, ShownData, Submit
from studio.shell import Shell

_PREFIXES: Final = (f"{FORM}.", f"{ARGUMENTS}.")


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
    arguments_schema: dict[str, Any]
    """Schema of the arguments; empty if they cannot be changed."""
    can_edit: bool
    expires_at: str
    message: str
    """Text of the step of a flow; empty for the call of an agent."""
    show: Any
    """Data that the step of a flow shows; None: there are none."""
    show_bytes: int
    """The size of data that are too long to be shown; 0: they are not."""
    form: dict[str, Any]
    """Schema of the values that the reviewer enters; empty if there is no form."""
    has_form: bool
    reviewers: str
    """Who may decide; empty: every developer."""
    may_decide: bool


class Deciding(rx.State, mixin=True):  # type: ignore[call-arg]  # Reflex is Any to mypy
    """A state with pending approvals that the user decides."""

    reason: str = ""
    rejecting: str = ""
    """ID of the approval whose rejection is being entered."""
    editing: str = ""
    """ID of the approval whose arguments are being changed."""
    wrong: str = ""
    """ID of the approval whose form has `errors`."""
    errors: dict[str, str] = {}
    """Messages by path in the values of the form or the arguments."""

    @rx.event
    async def approve(self, approval_id: str) -> None:
        """Approve a call as it is."""
        await self._decide(approval_id, "approved")

    @rx.event
    async def approve_with(self, approval_id: str, values: dict[str, Any]) -> None:
        """Approve a step of a flow with the values of its form."""
        await self._try(approval_id, form=values)

    @rx.event
    async def approve_changed(self, approval_id: str, arguments: dict[str, Any]) -> None:
        """Approve a call with other arguments."""
        await self._try(approval_id, arguments=arguments)

    @rx.event
    def start_edit(self, approval_id: str) -> None:
        """Show the form for the arguments of a call."""
        self.editing, self.rejecting = approval_id, ""
        self.wrong, self.errors = "", {}

    @rx.event
    def cancel_edit(self) -> None:
        """Hide the form for the arguments."""
        self.editing = ""

    @rx.event
    def start_rejection(self, approval_id: str) -> None:
        """Show the form for the reason of a rejection."""
        self.rejecting, self.reason, self.editing = approval_id, "", ""

    @rx.event
    def change_reason(self, reason: str) -> None:
        """Set the reason, which is sent to the agent."""
        self.reason = reason

    @rx.event
    def cancel_rejection(self) -> None:
        """Hide the form for the reason."""
        self.rejecting = ""

    @rx.event
    async def reject(self) -> None:
        """Reject the call."""
        await self._decide(self.rejecting, "denied", reason=self.reason)

    async def _try(self, approval_id: str, **values: dict[str, Any]) -> None:
        """Approve with values that the user has entered, and show the problems at the fields."""
        self.wrong, self.errors = "", {}
        try:
            await self._decide(approval_id, "approved", **values)
        except Invalid as invalid:
            errors = {
                one.path.removeprefix(prefix): one.message
                for one in invalid.problems
                for prefix in _PREFIXES
                if one.path.startswith(prefix)
            }
            if not errors:
                raise
            self.wrong, self.errors = approval_id, errors

    async def _decide(self, approval_id: str, decision: Any, **values: Any) -> None:
        async with session.acting(self, self.project) as act:
            await approvals.decide(act.session, act.principal, UUID(approval_id), decision, **values)
        self.rejecting = self.editing = self.reason = ""
        self._forget(approval_id)

    def _forget(self, approval_id: str) -> None:
        """Remove a decided approval from what is shown."""
        raise NotImplementedError


async def pending_calls(
    database_session: AsyncSession, principal: Principal, found: Sequence[Approval]
) -> list[PendingCall]:
    """Return pending approvals as they are shown."""
    skills: dict[UUID, Skill | None] = {}
    for one in found:
        if (one.effect or "").startswith(servers.PREFIX) and one.job_id not in skills:
            skills[one.job_id] = await _skill_of(database_session, principal, one.job_id)
    return [_pending_call(one, skills.get(one.job_id), principal) for one in found]


def _pending_call(one: Approval, skill: Skill | None, principal: Principal) -> PendingCall:
    server = ""
    if skill is not None:
        server = servers.server_of(skill, tool=one.tool, effect=one.effect, arguments=one.input)
    return PendingCall(
        id=str(one.id),
        tool=one.tool,
        is_start=one.is_start,
        server=server,
        input=one.input,
        arguments_schema=one.input_schema or {},
        can_edit=one.input_schema is not None,
        expires_at=one.expires_at.isoformat(),
        message=one.message or "",
        show=one.show,
        show_bytes=one.show_bytes or 0,
        form=one.form_schema or {},
        has_form=one.form_schema is not None,
        reviewers=", ".join(one.reviewers),
        may_decide=may_decide(principal, one.reviewers),
    )


async def _skill_of(database_session: Any, principal: Principal, job_id: UUID) -> Skill | None:
    """Return the skill that a job runs; `None` if it is a publisher's, or is not stored any more."""
    job = await get_row(database_session, principal, job_id)
    if job.publisher_id is not None:
        return None
    try:
        return (await load_deployed_skill(database_session, job.deployment_id, job.skill_name)).skill
    except Missing:
        return None


def description(one: Any) -> rx.Component:
    """Render what an approval is for."""
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


def expiry(one: Any) -> rx.Component:
    """Render who may decide an approval, and until when."""
    return rx.fragment(
        rx.cond(one.reviewers != "", rx.el.span("Reviewers: ", one.reviewers, class_name="cap")),
        rx.el.span("Expires ", Ago.create(moment=one.expires_at), class_name="cap"),
    )


def buttons(state: Any, one: Any) -> rx.Component:
    """Render the buttons that decide an approval, unless a form is open that has them."""
    is_open = (state.rejecting == one.id) | (state.editing == one.id)
    approve = action("Approve", kind="pri", on_act=lambda _: state.approve(one.id))
    enabled = rx.fragment(
        rx.cond(one.can_edit, button("Edit…", on_click=state.start_edit(one.id))),
        button("Reject…", on_click=state.start_rejection(one.id)),
        rx.cond(one.has_form, None, approve),
    )
    return rx.cond(
        Shell.can_write & ~is_open,
        rx.el.div(rx.cond(one.may_decide, enabled, _disabled_buttons()), class_name="row"),
    )


def content(state: Any, one: Any) -> rx.Component:
    """Render the arguments of a call, and the form that is open for them."""
    errors = rx.cond(state.wrong == one.id, state.errors, {})
    access = {"errors": errors, "project": Shell.project_slug, "csrf": Shell.csrf}
    return rx.fragment(
        rx.cond((one.message == "") & (state.editing != one.id), Json.create(value=one.input)),
        rx.cond(
            one.message != "",
            ShownData.create(value=one.show, bytes=one.show_bytes, project=Shell.project_slug),
        ),
        rx.cond(
            state.editing == one.id,
            ArgumentsForm.create(
                schema=one.arguments_schema,
                value=one.input,
                on_approve=lambda values, _: state.approve_changed(one.id, values),
                on_cancel=state.cancel_edit,
                **access,
            ),
        ),
        rx.cond(state.rejecting == one.id, _rejection(state)),
        rx.cond(
            one.has_form & one.may_decide & Shell.can_write & (state.rejecting != one.id),
            ApprovalForm.create(
                schema=one.form, on_approve=lambda values, _: state.approve_with(one.id, values), **access
            ),
        ),
    )


def _disabled_buttons() -> rx.Component:
    reason = "Only reviewers may decide."
    return rx.fragment(
        button("Reject…", disabled=True, title=reason),
        button("Approve", kind="pri", disabled=True, title=reason),
    )


def _rejection(state: Any) -> rx.Component:
    return rx.el.form(
        rx.el.input(
            class_name="in grow",
            placeholder="Reason (sent to the agent or the flow)",
            aria_label="Reason",
            value=state.reason,
            on_change=state.change_reason,
            max_length=2000,
            auto_focus=True,
        ),
        button("Cancel", on_click=state.cancel_rejection),
        Submit.create(label="Confirm rejection", kind="danger"),
        on_submit=lambda _: state.reject(),
        class_name="row",
    )
