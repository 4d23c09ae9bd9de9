"""How a function becomes a tool: its title, and what a client may assume about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from mcp_types import ToolAnnotations

READ: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
"""Changes nothing."""
ADD: Final = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
"""Adds something, each time anew."""
SET: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
"""Brings something to a state: twice is like once."""
REMOVE: Final = ToolAnnotations(
    read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False
)
"""Takes something away."""
RUN: Final = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=True)
"""Runs a skill, which may cost money and act outside."""


class Offer(NamedTuple):
    """A tool."""

    function: Callable[..., Any]
    title: str
    hints: ToolAnnotations
