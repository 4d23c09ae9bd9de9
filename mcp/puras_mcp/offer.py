"""Describe how a function becomes a tool: its title, and hints for clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from mcp_types import ToolAnnotations

READ: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
"""Changes nothing."""
ADD: Final = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
"""Adds something with each call."""
SET: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
"""Sets a state; a repeated call has no further effect."""
REMOVE: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
"""Deletes something."""
RUN: Final = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)
"""Runs a skill, which may cost money and have external effects."""


class Offer(NamedTuple):
    """A tool."""

    function: Callable[..., Any]
    title: str
    hints: ToolAnnotations
