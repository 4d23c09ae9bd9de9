"""Why a queued job waits, as a sentence made from data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from backend.core.clock import now
from backend.money.pricing import dollars

Reason = Literal[
    "not_before", "wallet_empty", "wallet_held", "project_limit", "no_worker", "runs_alone", "next_in_line"
]
FOR_CONSENT: Final = "for somebody to approve or deny a call of its agent"
"""Why a job has the status `waiting`; those are not in the queue."""
PAUSE_FOR_MONEY: Final = timedelta(seconds=60)
"""A job without money that may start so soon waits for money: it is paused for less between two attempts to start."""
REASONS: Final[tuple[Reason, ...]] = get_args(Reason)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued job's place and what is around it."""

    stamp: int | None
    suspect: bool
    not_before: datetime | None
    lane: str
    admitted: int
    concurrency_limit: int
    has_money: bool
    is_held: bool
    """The wallet can hold its cap in addition to what runs and is ready."""
    has_worker: bool
    wants_micros: int = 0
    """What has to be available before it starts, if that is all or nothing: the cap of a run with a price."""


def kind(place: Waiting) -> Reason:
    """Return the first thing that keeps the job from running, as a word."""
    left = place.not_before - now() if place.not_before is not None else timedelta(0)
    if not place.has_money and left <= PAUSE_FOR_MONEY:
        return "wallet_empty"
    if left > timedelta(0):
        return "not_before"
    if place.stamp is None and not place.is_held:
        return "wallet_held"
    if place.stamp is None:
        return "project_limit"
    if not place.has_worker:
        return "no_worker"
    return "runs_alone" if place.suspect else "next_in_line"


def reason(place: Waiting) -> str:
    """The same as a sentence."""
    sentences: dict[Reason, str] = {
        "not_before": f"not before {place.not_before:%Y-%m-%d %H:%M:%S} UTC" if place.not_before else "",
        "wallet_empty": f"the wallet has less than the {dollars(place.wants_micros)} available that it may cost"
        if place.wants_micros
        else "the wallet is empty",
        "wallet_held": "for money: the wallet holds the rest for jobs that run or are next",
        "project_limit": f"behind the project's limit {place.admitted}/{place.concurrency_limit}",
        "no_worker": f"no worker in lane {place.lane}",
        "runs_alone": "runs alone, since worker processes were lost under it",
        "next_in_line": "next in line for a free worker",
    }
    return sentences[kind(place)]
