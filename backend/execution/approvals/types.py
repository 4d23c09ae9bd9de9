"""Types that runners and approvals share. The module imports nothing, because runners do not know the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

START: Final = "start"
"""The `tool_use_id` of the approval of a job's start, whose `tool` is the name of the skill."""

FLOW_STEP: Final = "flow_step"
"""The `effect` of the approval of a step of a flow, whose `tool` is the ID of the step."""

EDITED: Final = "edited:"
"""Precedes the `effect` of a call whose arguments a reviewer has changed. Workers of releases that do not know such
changes reject the call for another effect, instead of making it with the arguments of the model."""


@dataclass(frozen=True, slots=True)
class ApprovalRequest:
    """A call that runs only if a user approves it."""

    step: int
    place: int
    tool: str
    tool_use_id: str
    input: dict[str, Any]
    effect: str = ""
    """The effect and the target of the call, if the name of the tool does not determine them."""
    input_schema: dict[str, Any] | None = None
    """JSON Schema of the arguments; None if a reviewer cannot change them."""
