"""Why a queued job waits, as a sentence made from data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backend.clock import now


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


def reason(place: Waiting) -> str:
    """The first thing that keeps the job from running."""
    if place.not_before is not None and place.not_before > now():
        return f"not before {place.not_before:%Y-%m-%d %H:%M:%S} UTC"
    if not place.has_money:
        return "the wallet is empty"
    if place.stamp is None:
        return f"behind the project's limit {place.admitted}/{place.concurrency_limit}"
    if not place.has_worker:
        return f"no worker in lane {place.lane}"
    if place.suspect:
        return "runs alone, since worker processes were lost under it"
    return "next in line for a free worker"
