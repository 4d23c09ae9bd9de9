"""What a runner and the approvals agree on; it stands on nothing, since a runner's words do not know the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """A call that runs only if a person agrees."""

    step: int
    place: int
    tool: str
    tool_use_id: str
    input: dict[str, Any]
