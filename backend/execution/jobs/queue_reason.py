"""Explain why a queued job waits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from backend.core.clock import now
from backend.money.pricing import dollars

Reason = Literal[
    "not_before", "wallet_empty", "wallet_held", "project_limit", "no_worker", "runs_alone", "next_in_line"
]
APPROVAL_REASON: Final = "for the approval of a call by its agent"
"""The reason of jobs with the status `waiting`, which are not in the queue."""
MAX_FUNDS_DELAY: Final = timedelta(seconds=60)
"""A job in an empty project that may start within this time waits for money: the delay between two attempts to start
is shorter."""
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)


@dataclass(frozen=True, slots=True)
class QueueState:
    """The queue entry of a job, with what decides when the job runs."""

    stamp: int | None
    suspect: bool
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
    return "runs_alone" if state.suspect else "next_in_line"


def reason_text(state: QueueState) -> str:
    """Return the reason as text that follows "waits: "."""
    texts: dict[Reason, str] = {
        "not_before": f"not before {state.not_before:%Y-%m-%d %H:%M:%S} UTC" if state.not_before else "",
        "wallet_empty": f"the wallet has less than the {dollars(state.required_micros)} available that it may cost"
        if state.required_micros
        else "the wallet is empty",
        "wallet_held": "for money: the wallet holds the rest for jobs that run or are next",
        "project_limit": f"behind the project's limit {state.admitted}/{state.concurrency_limit}",
        "no_worker": f"no worker in lane {state.lane}",
        "runs_alone": "runs alone, since worker processes were lost under it",
        "next_in_line": "next in line for a free worker",
    }
    return texts[reason_code(state)]
