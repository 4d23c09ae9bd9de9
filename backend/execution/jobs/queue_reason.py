"""Explain why a queued or waiting job does not run yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from backend.core.clock import now
from backend.money.admission import HELD_UNTIL
from backend.money.pricing import dollars

Reason = Literal[
    "not_before", "wallet_empty", "wallet_held", "project_limit", "no_worker", "quarantined", "workers_busy"
]
APPROVAL_REASON: Final = "for the approval of a call by its agent"
"""The reason of jobs with the status `waiting` that have no waits of durable steps."""
LISTED_REASON: Final = "for a time or an event of the listing"
HELD_REASON: Final = "for the end of the turn before it in its session"
MAX_FUNDS_DELAY: Final = timedelta(seconds=60)
"""A job in an empty project that may start within this time waits for money: the delay between two attempts to start
is shorter."""
MAX_WAITS: Final = 3
"""Maximum waits of one job that its reason names."""
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)
_SUMMARIES: Final[dict[Reason, str]] = {
    "not_before": "not before the start time",
    "wallet_empty": "the wallet is empty",
    "wallet_held": "for credit: the rest of the wallet is reserved for jobs that run or are ready",
    "project_limit": "for the concurrency limit of the project",
    "no_worker": "no worker in lane {lane}",
    "quarantined": "for a worker without other jobs, since worker processes were lost while it ran",
    "workers_busy": "for a free worker",
}


@dataclass(frozen=True, slots=True)
class QueueState:
    """The queue entry of a job, with what decides when the job runs."""

    stamp: int | None
    is_quarantined: bool
    not_before: datetime | None
    lane: str
    admitted: int
    concurrency_limit: int
    has_money: bool
    can_reserve: bool
    """The wallet can hold the cap of the job in addition to the running and ready jobs."""
    has_worker: bool
    required_micros: int = 0
    """The amount that must be available before the job starts, for a run with a price: its cap."""


def reason_code(state: QueueState) -> Reason:
    """Return the first condition that the job waits for."""
    remaining = state.not_before - now() if state.not_before is not None else timedelta(0)
    if not state.has_money and remaining <= MAX_FUNDS_DELAY:
        return "wallet_empty"
    if remaining > timedelta(0):
        return "not_before"
    if state.stamp is None and not state.can_reserve:
        return "wallet_held"
    if state.stamp is None:
        return "project_limit"
    if not state.has_worker:
        return "no_worker"
    return "quarantined" if state.is_quarantined else "workers_busy"


def reason_summary(reason: Reason, lane: str) -> str:
    """Return the reason as text without the values of a job, for all jobs of a lane that wait for it."""
    return _SUMMARIES[reason].format(lane=lane)


def reason_text(state: QueueState) -> str:
    """Return the reason as text that follows "waits: "."""
    reason = reason_code(state)
    if reason == "not_before" and state.not_before == HELD_UNTIL:
        return HELD_REASON
    if reason == "not_before" and state.not_before is not None:
        return f"not before {state.not_before:%Y-%m-%d %H:%M:%S} UTC"
    if reason == "wallet_empty" and state.required_micros:
        return f"the available balance is less than its maximum cost of {dollars(state.required_micros)}"
    values = f" ({state.admitted}/{state.concurrency_limit})" if reason == "project_limit" else ""
    return reason_summary(reason, state.lane) + values


def waits_text(waits: Sequence[Mapping[str, str | None]]) -> str:
    """Return what a job waits for, as text that follows "waits: "; each wait has `event_type` and `wake_at`."""
    return "; ".join(_wait_text(wait["event_type"], wait["wake_at"]) for wait in waits[:MAX_WAITS]) + (
        f"; and {len(waits) - MAX_WAITS} more" if len(waits) > MAX_WAITS else ""
    )


def flow_text(jobs: int, approvals: int, waits: Sequence[Mapping[str, str | None]]) -> str:
    """Return what a flow waits for, as text that follows "waits: "; it may be several things at the same time."""
    parts = []
    if approvals:
        parts.append("for an approval" if approvals == 1 else f"for {approvals} approvals")
    if jobs:
        parts.append("for the job of a step" if jobs == 1 else f"for {jobs} jobs of its steps")
    if waits:
        parts.append(waits_text(waits))
    return "; ".join(parts) or "for its steps"


def _wait_text(event_type: str | None, wake_at: str | None) -> str:
    until = "" if wake_at is None else f"until {datetime.fromisoformat(wake_at):%Y-%m-%d %H:%M:%S} UTC"
    return until if event_type is None else f"for the event {event_type!r} {until}".rstrip()
