"""Describe how a function becomes a tool: its title, and hints for clients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from mcp_types import ToolAnnotations

READ: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
"""Hints of a tool that changes nothing."""
ADD: Final = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
"""Hints of a tool that adds something with each call."""
SET: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
"""Hints of a tool that sets a state; a repeated call has no further effect."""
REMOVE: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
"""Hints of a tool that deletes something."""
RUN: Final = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)
"""Hints of a tool that runs a skill, which can cost money and have external effects."""


class Offer(NamedTuple):
    """A tool."""

    function: Callable[..., Any]
    title: str
    hints: ToolAnnotations
