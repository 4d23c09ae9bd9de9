"""Events of what limits or interrupts a job: limits, guardrails and approvals."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from backend.execution.events.types.base import OMITTED, Event, Omitted, event_type


@event_type
class LimitsEvent(Event):
    """The agent reached a limit on steps or tokens."""

    type: ClassVar[Literal["limits"]] = "limits"
    kind: str
    """`step_limit`, `token_limit` or `context_full`."""
    limit: int
    """The limit."""
    used: int | Omitted = OMITTED
    """How many tokens the run has used, for `token_limit`."""
    tokens: int | Omitted = OMITTED
    """About how many tokens the conversation has, for `context_full`."""
    model: str | Omitted = OMITTED
    """Slug of the model, for `context_full`."""


@event_type
class TimeoutEvent(Event):
    """The agent ran for as long as it may."""

    type: ClassVar[Literal["timeout"]] = "timeout"
    kind: str
    """`timeout`."""
    step: int
    """Number of the step."""
    limit_s: float
    """The limit in seconds."""


@event_type
class CostCappedEvent(Event):
    """The next call could cost more than is left for the job, so it was not made."""

    type: ClassVar[Literal["cost_capped"]] = "cost_capped"
    kind: str
    """`cost_capped`."""
    step: int
    """Number of the step."""
    spent_micros: int
    """What the job has spent, in millionths of a dollar."""
    cap_micros: int
    """What it may spend."""
    needed_micros: int
    """What the call could cost."""
    capped_by: str
    """Which limit decides: `job_limit`, `budget`, `key_cap`, `caller` or `wallet`."""


@event_type
class RailEvent(Event):
    """A guardrail of the skill decided about a value. The event never contains the value."""

    type: ClassVar[Literal["rail"]] = "rail"
    rail: str
    """Name of the guardrail."""
    where: str
    """`input`, `tool`, `output` or `retrieval`."""
    action: str
    """`block`, `redact`, `approve` or `flag`."""
    matched: dict[str, int]
    """How often each kind of content was found."""
    step: int | Omitted = OMITTED
    """Number of the step of an agent."""
    tool: str | Omitted = OMITTED
    """Name of the tool that the value is for or from."""
    failed: str | Omitted = OMITTED
    """Why the guardrail could not judge: `broken`, `timeout` or `too_large`."""


@event_type
class ApprovalRequiredEvent(Event):
    """A person must approve a call before it is made."""

    type: ClassVar[Literal["approval_required"]] = "approval_required"
    approval_id: str
    """ID of the approval."""
    step: int
    """Number of the step; 0: before the first one."""
    tool: str
    """Name of the tool."""
    tool_use_id: str
    """ID of the call."""
    expires_at: str
    """When the approval expires."""
    input: Any | Omitted = OMITTED
    """The arguments."""
    input_begins: str | Omitted = OMITTED
    """The start of the arguments as JSON when they are long; the approval has all of them."""


@event_type
class ApprovalDecidedEvent(Event):
    """A person decided about a call, or the approval expired."""

    type: ClassVar[Literal["approval_decided"]] = "approval_decided"
    approval_id: str
    """ID of the approval."""
    step: int
    """Number of the step."""
    tool: str
    """Name of the tool."""
    tool_use_id: str
    """ID of the call."""
    decision: str
    """`approved`, `denied` or `expired`."""
    by: str
    """Who decided."""
    reason: str | Omitted = OMITTED
    """Why, if a reason was given."""


StopEvent = LimitsEvent | TimeoutEvent | CostCappedEvent
"""Why an agent was stopped."""
