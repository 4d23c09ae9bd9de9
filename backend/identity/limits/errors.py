"""Errors of quotas, ceilings and limits of concurrent requests."""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.errors import Conflict, Invalid, NotAllowed, Problem, TooMany, field


class LimitAboveCeiling(Invalid):
    """A requested limit exceeds its ceiling. The body lists each with its ceiling."""

    code = "limit_above_ceiling"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        super().__init__(f"{first.path}: {first.message}", problems)


class CeilingExceeded(NotAllowed):
    """A requested limit of the project exceeds its ceiling, which only an operator raises."""

    code = "limit_above_ceiling"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0]
        errors = [problem.as_body() for problem in problems]
        super().__init__(f"{first.path}: {first.message}", errors=errors)


class TooManyConcurrentRequests(TooMany):
    """The caller has the maximum number of concurrent requests."""

    code = "too_many_concurrent_requests"
    former_code = "too_many_at_once"
    message = (
        "You have {limit:,} concurrent {what}, the maximum of one caller. End some of them and try again, "
        "or ask the operator to raise the limit ({setting})."
    )
    limit: int
    what: str = field(in_body=False)
    setting: str = field(in_body=False)
    retry_after_s: int = 1


class QuotaReached(Conflict):
    """The project has reached a quota."""

    code = "quota_reached"
    quota: str
    words: str = field(in_body=False)
    limit: int
    used: int

    def describe(self) -> str:
        """Return the message."""
        option = self.quota.replace("_", "-")
        return (
            f"This project has {self.used:,} {self.words}, and its limit is {self.limit:,}. Remove some, or "
            f"ask the operator to raise the limit: `puras-studio project limits PROJECT --{option} "
            f"{max(self.limit, self.used) * 2 or 1}`."
        )
