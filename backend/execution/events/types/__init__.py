"""Define all types of events, one class for each type.

Writers construct the classes; `decode` reads a stored event. The reference in `docs/reference/events.md`, the
schemas of the API and the types of both clients are generated from the classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from backend.execution.events.types.agent import (
    AgentStartEvent,
    ContextCompactedEvent,
    MemoryInjectedEvent,
    MemoryMissEvent,
    ModelEscalatedEvent,
    ModelFailoverEvent,
    ModelInterruptedEvent,
    ModelResponseEvent,
    ModelRetryEvent,
    ToolResultEvent,
    ToolStartedEvent,
    ToolUseEvent,
)
from backend.execution.events.types.base import OMITTED, REGISTRY, Event, Omitted
from backend.execution.events.types.control import (
    ApprovalDecidedEvent,
    ApprovalRequiredEvent,
    CostCappedEvent,
    LimitsEvent,
    RailEvent,
    StopEvent,
    TimeoutEvent,
)
from backend.execution.events.types.environment import (
    EnvironmentEvent,
    FunctionStartEvent,
    NetworkEvent,
    NetworkRefusedEvent,
    SandboxEvent,
)
from backend.execution.events.types.lifecycle import (
    CancelledEvent,
    ContinuedEvent,
    EndEvent,
    FailedEvent,
    ForkedEvent,
    QueuedEvent,
    RequeuedEvent,
    ResumedEvent,
    StartedEvent,
    SucceededEvent,
    WaitingEvent,
)
from backend.execution.events.types.output import DriveDeletedEvent, LogEvent, ProgressEvent
from backend.execution.events.types.services import (
    EvalsEvent,
    MediaEvent,
    SubagentEndEvent,
    SubagentStartEvent,
    WebEvent,
)
from backend.execution.events.types.steps import StepFinishedEvent, StepStartedEvent

JobEvent = (
    # lifecycle
    QueuedEvent
    | StartedEvent
    | RequeuedEvent
    | WaitingEvent
    | ResumedEvent
    | ForkedEvent
    | ContinuedEvent
    | EndEvent
    # output
    | LogEvent
    | ProgressEvent
    | DriveDeletedEvent
    # steps
    | StepStartedEvent
    | StepFinishedEvent
    # environment
    | EnvironmentEvent
    | SandboxEvent
    | FunctionStartEvent
    | NetworkEvent
    | NetworkRefusedEvent
    # agent
    | AgentStartEvent
    | ModelResponseEvent
    | ModelInterruptedEvent
    | ModelRetryEvent
    | ModelEscalatedEvent
    | ModelFailoverEvent
    | ContextCompactedEvent
    | MemoryInjectedEvent
    | MemoryMissEvent
    | ToolUseEvent
    | ToolStartedEvent
    | ToolResultEvent
    # control
    | StopEvent
    | RailEvent
    | ApprovalRequiredEvent
    | ApprovalDecidedEvent
    # services
    | SubagentStartEvent
    | SubagentEndEvent
    | MediaEvent
    | WebEvent
    | EvalsEvent
)
"""Every type of event; `type` distinguishes them."""


@dataclass(frozen=True, slots=True)
class UnknownEvent:
    """A stored event of a type that this version does not know, or without a field that its type requires."""

    type: str
    payload: Mapping[str, Any]


def decode(event_type: str, payload: Mapping[str, Any]) -> JobEvent | UnknownEvent:
    """Return a stored event as an object of its class; fields that the class does not know are left out."""
    known = REGISTRY.get(event_type)
    if known is None:
        return UnknownEvent(event_type, payload)
    try:
        event: JobEvent = known.from_payload(payload)  # type: ignore[assignment]  # all registered types are in the union
    except KeyError:
        return UnknownEvent(event_type, payload)
    return event


__all__: Final = [
    "OMITTED",
    "REGISTRY",
    "AgentStartEvent",
    "ApprovalDecidedEvent",
    "ApprovalRequiredEvent",
    "CancelledEvent",
    "ContextCompactedEvent",
    "ContinuedEvent",
    "CostCappedEvent",
    "DriveDeletedEvent",
    "EndEvent",
    "EnvironmentEvent",
    "EvalsEvent",
    "Event",
    "FailedEvent",
    "ForkedEvent",
    "FunctionStartEvent",
    "JobEvent",
    "LimitsEvent",
    "LogEvent",
    "MediaEvent",
    "MemoryInjectedEvent",
    "MemoryMissEvent",
    "ModelEscalatedEvent",
    "ModelFailoverEvent",
    "ModelInterruptedEvent",
    "ModelResponseEvent",
    "ModelRetryEvent",
    "NetworkEvent",
    "NetworkRefusedEvent",
    "Omitted",
    "ProgressEvent",
    "QueuedEvent",
    "RailEvent",
    "RequeuedEvent",
    "ResumedEvent",
    "SandboxEvent",
    "StartedEvent",
    "StepFinishedEvent",
    "StepStartedEvent",
    "StopEvent",
    "SubagentEndEvent",
    "SubagentStartEvent",
    "SucceededEvent",
    "TimeoutEvent",
    "ToolResultEvent",
    "ToolStartedEvent",
    "ToolUseEvent",
    "UnknownEvent",
    "WaitingEvent",
    "WebEvent",
    "decode",
]
