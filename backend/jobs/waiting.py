"""Why a queued job waits, as a sentence made from data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, get_args

from backend.clock import now

Reason = Literal["not_before", "wallet_empty", "project_limit", "no_worker", "runs_alone", "next_in_line"]
FOR_CONSENT: Final = "for somebody to approve or deny a call of its agent"
"""Why a job has the status `waiting`; those are not in the queue."""
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
    has_worker: bool


def kind(place: Waiting) -> Reason:
    """The first thing that keeps the job from running, as a word."""
    if place.not_before is not None and place.not_before > now():
        return "not_before"
    if not place.has_money:
        return "wallet_empty"
    if place.stamp is None:
        return "project_limit"
    if not place.has_worker:
        return "no_worker"
    return "runs_alone" if place.suspect else "next_in_line"


def reason(place: Waiting) -> str:
    """The same as a sentence."""
    sentences: dict[Reason, str] = {
        "not_before": f"not before {place.not_before:%Y-%m-%d %H:%M:%S} UTC" if place.not_before else "",
        "wallet_empty": "the wallet is empty",
        "project_limit": f"behind the project's limit {place.admitted}/{place.concurrency_limit}",
        "no_worker": f"no worker in lane {place.lane}",
        "runs_alone": "runs alone, since worker processes were lost under it",
        "next_in_line": "next in line for a free worker",
    }
    return sentences[kind(place)]
