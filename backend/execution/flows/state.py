"""Describe the stored state of a flow, and what an attempt adds to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from backend.skills.flows.types import Step

StepStatus = Literal["running", "succeeded", "failed", "skipped"]
NO_ITEM: Final = -1
"""The position of a step without `for_each`."""
UNDO: Final = -2
"""The position of the job that undoes a step."""
EXPRESSION_FAILED: Final = "flow_expression_failed"
STEP_FAILED: Final = "flow_step_failed"
APPROVAL_DENIED: Final = "approval_denied"
STEP_TIMEOUT: Final = "step_timeout"
CANCELLED: Final = "cancelled"


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A step, or one element of it, as it is stored."""

    step: str
    item: int
    status: StepStatus
    tries: int = 0
    child_job_id: UUID | None = None
    result: Any = None
    has_result: bool = True
    """Whether `result` was read. Results of elements are read when all of them have ended."""
    error: str | None = None
    error_code: str | None = None
    child: ChildEnd | None = None
    """How the job of the step has ended, if it has and the step is running."""
    decision: Decision | None = None
    """The decision about a running approval."""
    pause: StoredPause | None = None
    """What the running step waits for; for a step that runs a job, the time that is left for that."""
    finished_at: datetime | None = None
    is_copied: bool = False
    """Whether a fork has copied the result, so that another job has run the step."""


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """The end of the job of a step."""

    status: str
    result: Any
    error: str | None
    error_code: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about an approval."""

    status: str
    reason: str
    decided_by: str
    form: dict[str, Any] | None = None
    """Values that the reviewer has entered."""


@dataclass(frozen=True, slots=True)
class StoredPause:
    """A time or an event that a running step waits for, as it is stored."""

    is_over: bool
    """Its time has come, or an event was received."""
    has_event: bool = False
    """An event was received, whose condition is not evaluated yet."""


Rows = Mapping[tuple[str, int], StoredStep]
"""Stored steps by ID and element."""


@dataclass(frozen=True, slots=True)
class Start:
    """A job to start for a step."""

    step: Step
    item: int
    tries: int
    """The number of the job in this step, from 1."""
    inputs: dict[str, Any]
    delay_s: float = 0.0
    prompt: str | None = None
    """The task of an agent without a skill."""


@dataclass(frozen=True, slots=True)
class Ask:
    """An approval to request."""

    step: Step
    position: int
    """Number of the step in the flow, from 1."""
    message: str
    show: Any = None
    """The data that the reviewer sees; None: there are none."""
    reviewers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pause:
    """A time or an event to wait for."""

    step: Step
    after_s: float | None = None
    """Wait until this time has passed; for an event, the maximum time."""
    until: datetime | None = None
    event_type: str | None = None
    condition: bool | str | None = None
    """The condition on the event."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """The variables of the condition, without the event."""
    received: frozenset[str] = frozenset()
    """IDs of the events that earlier waits have received."""


@dataclass(frozen=True, slots=True)
class Emit:
    """An event to send."""

    step: Step
    type: str
    data: dict[str, Any]
    id: str


@dataclass(frozen=True, slots=True)
class End:
    """The end of a step, to store."""

    step: Step
    item: int
    status: StepStatus
    result: Any = None
    error: str | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True)
class FlowFailure:
    """Why the flow fails."""

    code: str
    message: str


@dataclass(slots=True)
class Plan:
    """What an attempt does next."""

    starts: list[Start] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    """Waits to register, or whose event has to be examined."""
    emits: list[Emit] = field(default_factory=list)
    stops: list[UUID] = field(default_factory=list)
    """Jobs of steps to cancel, since the flow fails or the time of the step is over."""
    expired: list[tuple[str, int]] = field(default_factory=list)
    """Steps whose time is over. Their jobs are cancelled."""
    is_failing: bool = False
    """The flow will fail, after its jobs have ended and its steps are undone."""
    needed: set[str] = field(default_factory=set)
    """Steps whose elements have all ended. If there are any, their results have to be read for another plan."""
    has_ended: bool = False
    output: Any = None
    failure: FlowFailure | None = None
    has_simulated_steps: bool = False
    """The flow has ended, and no language model ran in the job of a step."""
