"""Errors of schedules."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, NotAllowed, PaymentRequired, Problem, field


class ScheduleNotFound(Missing):
    """The project has no such schedule."""

    code = "schedule_not_found"
    message = "No schedule {schedule_id!r} in this project. GET /v1/schedules lists all of them."
    schedule_id: UUID


class CronInvalid(Invalid):
    """The cron expression or the time zone is invalid."""

    code = "bad_cron"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"'{field}': {why}", [Problem(field, why)])


class ScheduleNeverFires(Invalid):
    """The cron expression matches no time in the next nine years."""

    code = "schedule_never_fires"
    former_code = "never_comes"

    def __init__(self, cron: str) -> None:
        why = "It matches no time in the next nine years."
        super().__init__(f"'cron': {cron!r} never fires. {why}", [Problem("cron", why)])


class ScheduleNameTaken(Conflict):
    """Another schedule of the project has this name."""

    code = "schedule_name_taken"
    message = "The project already has a schedule {name!r}. Choose another name, or change that schedule."
    name: str


class TooManySchedules(Conflict):
    """The project has the maximum number of schedules."""

    code = "too_many_schedules"
    message = "This project has {limit} schedules, the maximum. Delete one that is not needed."
    limit: int


class PriceIncreased(PaymentRequired):
    """The price of the listing exceeds the maximum that the schedule pays."""

    code = "price_increased"
    former_code = "price_rose"
    listing: str = field(in_body=False)
    price_micros: int
    max_price_micros: int

    def describe(self) -> str:
        """Return the message."""
        return (
            f"A run of {self.listing!r} has the price ${self.price_micros / 1e6:.6f} now, and this schedule "
            f"pays at most ${self.max_price_micros / 1e6:.6f}. To accept the price, PATCH the schedule "
            "with a higher `max_price_micros`."
        )

    def as_body(self) -> dict[str, Any]:
        """Return the body of the response as JSON, with `max_price_micros` under its former name, too, until 0.3."""
        return {**super().as_body(), "most_price_micros": self.max_price_micros}


class RestrictedKey(NotAllowed):
    """A restricted key cannot create or change schedules, since their jobs would not be limited to it."""

    code = "restricted_key"
    former_code = "narrow_key"
    message = (
        "A key with a spending limit, a list of skills or an expiry time cannot create or change schedules, "
        "since their jobs would not be limited by it. Use an unrestricted key, or sign in."
    )
