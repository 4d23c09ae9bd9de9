"""What a caller is told about schedules.

Missing
└── ScheduleNotFound
Invalid
├── CronInvalid          the expression, or its time zone
└── NeverComes           it has no moment in the next nine years
Conflict
├── ScheduleNameTaken
└── TooManySchedules     the project has as many as it may
PaymentRequired
└── PriceRose            a run of its listing costs more than was agreed
NotAllowed
└── NarrowKey            a key with a cap, a list of skills or an expiry makes none
"""

from __future__ import annotations

from uuid import UUID

from backend.core.errors import Conflict, Invalid, Missing, NotAllowed, PaymentRequired, Problem


class ScheduleNotFound(Missing):
    """The project has no such schedule."""

    code = "schedule_not_found"

    def __init__(self, schedule_id: UUID) -> None:
        super().__init__(
            f"No schedule {str(schedule_id)!r} in this project. GET /v1/schedules lists them.",
            schedule_id=str(schedule_id),
        )


class CronInvalid(Invalid):
    """The expression or the time zone says nothing that this can follow."""

    code = "bad_cron"

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"'{field}': {why}", [Problem(field, why)])


class NeverComes(Invalid):
    """It names days that never come."""

    code = "never_comes"

    def __init__(self, cron: str) -> None:
        why = "It has no moment in the next nine years."
        super().__init__(f"'cron': {cron!r} never comes. {why}", [Problem("cron", why)])


class ScheduleNameTaken(Conflict):
    """Another schedule of the project has this name."""

    code = "schedule_name_taken"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The project has a schedule {name!r} already. Choose another name, or change that one.",
            name=name,
        )


class TooManySchedules(Conflict):
    """The project has as many schedules as it may."""

    code = "too_many_schedules"

    def __init__(self, most: int) -> None:
        super().__init__(
            f"This project has {most} schedules, as many as one may have. Delete one that is not needed.",
            limit=most,
        )


class PriceRose(PaymentRequired):
    """The publisher of the listing asks for more than the schedule was made for."""

    code = "price_rose"

    def __init__(self, listing: str, price_micros: int, most_micros: int) -> None:
        super().__init__(
            f"A run of {listing!r} has the price ${price_micros / 1e6:.6f} now, and this schedule pays at most "
            f"${most_micros / 1e6:.6f}. PATCH it with most_price_micros if that is well.",
            price_micros=price_micros,
            most_price_micros=most_micros,
        )


class NarrowKey(NotAllowed):
    """The jobs of a schedule would escape the limits of the key that made it."""

    code = "narrow_key"

    def __init__(self) -> None:
        super().__init__(
            "A key with a daily cap, a list of skills or an expiry makes and changes no schedules: their jobs would "
            "not be held to it. Use a key without, or sign in."
        )
