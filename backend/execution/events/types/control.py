"""Define the events of limits, guardrails and approvals."""

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
    """Tokens that the run has used, for `token_limit`."""
    tokens: int | Omitted = OMITTED
    """Approximate tokens of the conversation, for `context_full`."""
    model: str | Omitted = OMITTED
    """Slug of the model, for `context_full`."""


@event_type
class TimeoutEvent(Event):
    """The agent reached its time limit."""

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
    """The cost of the job so far, in millionths of a dollar."""
    cap_micros: int
    """The maximum that it may spend."""
    needed_micros: int
    """The maximum cost of the call."""
    capped_by: str
    """The limit that decides: `job_limit`, `budget`, `key_cap`, `caller` or `wallet`."""


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
    """Number of matches by kind of content."""
    step: int | Omitted = OMITTED
    """Number of the step of an agent."""
    tool: str | Omitted = OMITTED
    """Name of the tool that the value is for or from."""
    failed: str | Omitted = OMITTED
    """The reason why the guardrail could not evaluate the value: `broken`, `timeout` or `too_large`."""


@event_type
class ApprovalRequiredEvent(Event):
    """A user must approve a call before it is made."""

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
    """A user decided about a call, or the approval expired."""

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
    """`approved`, `denied` (rejected) or `expired`."""
    by: str
    """The user or API key that decided."""
    reason: str | Omitted = OMITTED
    """The reason, if one was given."""
    changed: list[str] | Omitted = OMITTED
    """Paths of the arguments that the user has changed, if there are any."""
    input: dict[str, Any] | Omitted = OMITTED
    """The arguments as the agent requested them, if the user has changed them and they are short."""
    arguments: dict[str, Any] | Omitted = OMITTED
    """The arguments with which the call is made instead. The approval has them also if they are long."""


StopEvent = LimitsEvent | TimeoutEvent | CostCappedEvent
"""The reason why an agent was stopped."""
