"""What a caller is told who has, or asks for, too much.

TooMany
└── TooManyAtOnce    more open at once than one caller may have
Conflict
└── QuotaReached     the project has as many of these things as it may
Invalid
└── LimitAboveCeiling    a job, a skill or a key is to get more than its ceiling
NotAllowed
└── CeilingExceeded  a project is to get more than the operator lets it have
"""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.errors import Conflict, Invalid, NotAllowed, Problem, TooMany


class LimitAboveCeiling(Invalid):
    """A limit was asked for above the ceiling that it has; carries each with its ceiling."""

    code = "limit_above_ceiling"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(f"{first.path}: {first.message}", problems)


class CeilingExceeded(NotAllowed):
    """A project's limit was asked for above its ceiling, which an operator alone raises."""

    code = "limit_above_ceiling"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        errors = [problem.as_body() for problem in problems]
        super().__init__(f"{first.path}: {first.message}", errors=errors)


class TooManyAtOnce(TooMany):
    """A caller has as much open at once as one may have."""

    code = "too_many_at_once"

    def __init__(self, limit: int, what: str, setting: str) -> None:
        super().__init__(
            f"You have {limit:,} {what} open at once, as many as one caller may. End some of them and try again, or "
            f"ask the operator for more ({setting}).",
            retry_after_s=1,
            limit=limit,
        )


class QuotaReached(Conflict):
    """The project has as many of these things as it may."""

    code = "quota_reached"

    def __init__(self, quota: str, words: str, limit: int, used: int) -> None:
        option = quota.replace("_", "-")
        super().__init__(
            f"This project may have {limit:,} {words} and has {used:,}. Remove one that is not needed, or ask the "
            f"operator for more: `puras-studio project limits PROJECT --{option} {max(limit, used) * 2 or 1}`.",
            quota=quota,
            limit=limit,
            used=used,
        )
