"""Errors of values that a guardrail blocks."""

from __future__ import annotations

from backend.core.errors import Invalid, Problem
from backend.skills.manifest.types import Rail

_WORDS = {
    "input": "These inputs",
    "output": "This result",
    "tool": "This call",
    "retrieval": "This result of a tool",
}


class RailBlocked(Invalid):
    """A guardrail of the skill blocks the value."""

    code = "rail_blocked"

    def __init__(self, rail: Rail, where: str) -> None:
        message = message_of(rail, where)
        super().__init__(message, [Problem("inputs", message)], rail=rail.name, where=where)


def message_of(rail: Rail, where: str) -> str:
    """Return the message of the guardrail, or a default one; neither contains what was found."""
    why = f": {rail.message}" if rail.message else ". Leave out what it guards against."
    return f"{_WORDS[where]} did not pass the guardrail {rail.name!r} of the skill{why}"
