"""The states of a job and the moves between them. Nothing else assigns `jobs.status`."""

from __future__ import annotations

from typing import Final, Literal

Status = Literal["queued", "running", "waiting", "succeeded", "failed", "cancelled"]

TERMINAL: Final[frozenset[str]] = frozenset({"succeeded", "failed", "cancelled"})

TRANSITIONS: Final[dict[str, frozenset[str]]] = {
    "queued": frozenset({"running", "cancelled"}),
    # To queued again: its worker was lost or drained, its own retry rule says so, or a provider is away.
    "running": frozenset({"queued", "waiting", "succeeded", "failed", "cancelled"}),
    "waiting": frozenset({"queued", "cancelled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}


def sources(target: str) -> tuple[str, ...]:
    """The states from which a job may move to the target."""
    return tuple(source for source, targets in TRANSITIONS.items() if target in targets)
