"""Events of the decisions of guardrails: how much of which kind was found, and nothing of the text."""

from __future__ import annotations

from collections.abc import Iterable

from backend.execution.events.types import OMITTED, Omitted, RailEvent
from backend.skills.guardrails.evaluation import Decided
from backend.skills.manifest.types import RailPoint


def rail_events(
    decisions: Iterable[Decided],
    where: RailPoint,
    *,
    step: int | Omitted = OMITTED,
    tool: str | Omitted = OMITTED,
) -> list[RailEvent]:
    """Return an event for each decision about a value."""
    return [
        RailEvent(
            rail=one.rail.name,
            where=where,
            action=one.action,
            matched=one.matched,
            step=step,
            tool=tool,
            failed=one.failed or OMITTED,
        )
        for one in decisions
    ]
